// One rendering of a template.
#pragma once

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlm/jinja/lexer.h"
#include "vlm/jinja/operations.h"
#include "vlm/jinja/syntax.h"

namespace scalselect::vlm::jinja {

/// Names and their values; a name that is not here is looked for further out.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> outside) : outer(std::move(outside)) {}
  std::shared_ptr<Scope> outer;
  std::vector<std::pair<std::string, Value>> names;

  const Value* find(std::string_view name, Budget& budget) const;
  void set(const std::string& name, Value value);
};
using ScopePtr = std::shared_ptr<Scope>;

class Interpreter {
 public:
  using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;

  /// `generation`: see Template::render; may be null.
  Interpreter(const Value& variables, const std::tm& now, Ranges* generation)
      : variables_(variables), now_(now), generation_(generation) {}
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  std::string run(const Node& root);

 private:
  enum class Flow { kNext, kBreak, kContinue };

  // -- interpreter.cpp: statements.
  Flow execute(const Node& node, const ScopePtr& scope, std::string& out);
  Flow body(const Node& node, const ScopePtr& scope, std::string& out);
  Flow choose(const Node& node, const ScopePtr& scope, std::string& out);
  Flow loop(const Node& node, const ScopePtr& scope, std::string& out);
  void with(const Node& node, const ScopePtr& scope, std::string& out);
  void call_block(const Node& node, const ScopePtr& scope, std::string& out);
  std::string inner(const Node& node, const ScopePtr& scope);
  void print(std::string& out, std::string_view text);
  void assign(const Node& target, const Value& value, const ScopePtr& scope);
  void unpack(const Node& target, const Value& value, const ScopePtr& scope);
  ScopePtr inside(const ScopePtr& scope);
  Value macro(const Node& node, const ScopePtr& scope);
  Value call_macro(const Node& node, const ScopePtr& scope, const Arguments& given);

  // -- evaluate.cpp: expressions.
  Value evaluate(const Node& node, const ScopePtr& scope);
  Value name(const std::string& name, const Scope& scope);
  Value unary(const Node& node, const ScopePtr& scope);
  Value binary(const Node& node, const ScopePtr& scope);
  Value concatenated(const Node& node, const ScopePtr& scope);
  Value compared(const Node& node, const ScopePtr& scope);
  Value dict(const Node& node, const ScopePtr& scope);
  Value list(const Node& node, const ScopePtr& scope, Sequence::Kind kind);
  Value sliced(const Node& node, const ScopePtr& scope);
  Value called(const Node& node, const ScopePtr& scope);
  Value filtered(const Node& node, const ScopePtr& scope, const Value* operand = nullptr);
  Arguments arguments(const Node& node, const ScopePtr& scope);

  // -- globals.cpp
  Value global(const std::string& name);
  Value range(const Arguments& given);
  Value make_namespace(const Arguments& given);
  Value make_dict_of(const Arguments& given);
  Value cycler(const Arguments& given);
  Value joiner(const Arguments& given);
  Value keep(std::shared_ptr<Object> object);
  std::shared_ptr<Object> loop_object(std::shared_ptr<const std::vector<Value>> items);
  static void go_to(Object& loop, std::size_t index);

  const Value& variables_;
  const std::tm now_;
  Ranges* generation_;
  const std::string* page_ = nullptr;  ///< the text that is rendered, not one in between
  Budget budget_;
  int depth_ = 0;
  int loops_ = 0;  ///< around the statement that runs
  // What may hold itself in a circle; let go of at the end.
  std::vector<std::shared_ptr<Object>> objects_;
  std::vector<ScopePtr> captured_;
};

/// What {% set object.name = … %} changes.
class Namespace final : public Object {
 public:
  std::optional<Value> attribute(const std::string& name) override;
  std::string describe() const override { return "<Namespace>"; }
  void clear() override { entries_.clear(); }
  void set(const std::string& name, Value value, Budget& budget);

 private:
  std::vector<std::pair<std::string, Value>> entries_;
};

}  // namespace scalselect::vlm::jinja
