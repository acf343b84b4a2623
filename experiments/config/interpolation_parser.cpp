#include "experiments/config/interpolation_parser.h"

#include "experiments/config/value_grammar.h"

namespace scalselect::config {
namespace {

using Type = Expression::Type;

class Parser : ValueGrammar {
 public:
  using ValueGrammar::ValueGrammar;

  Expression whole() {
    Expression result = text_until('\0');
    if (!done()) unexpected("");
    return result;
  }

  Expression single_element() {
    Expression result = element();
    if (!done()) unexpected("");
    return result;
  }

 private:
  UserError error(const std::string& reason) const override {
    return UserError(ErrorKind::kUsage,
                     reason + " at character " + std::to_string(at_ + 1) + " of the interpolation '" +
                         (text_.size() > 200 ? text_.substr(0, 200) + "…" : text_) + "'.",
                     "Write \\${ for a literal ${, and quote special characters.");
  }

  bool trims_end() const override { return false; }
  /// Deprecated, but accepted.
  Expression missing_element() override { return text_literal(""); }
  bool at_open() const { return look() == '$' && look(1) == '{'; }

  /// Whatever is inside, quotes make a string of it.
  Expression quoted() override {
    const char quote = text_[at_++];
    Expression result;
    result.type = Type::kConcat;
    result.parts.push_back(text_until(quote));
    if (look() != quote) fail("the quote is not closed");
    ++at_;
    return result;
  }

  /// Free text up to `quote` (or the end, if it is 0): backslashes matter only before `${` and the quote.
  Expression text_until(char quote) {
    Expression result;
    result.type = Type::kConcat;
    std::string pending;
    const auto flush = [&] {
      if (!pending.empty()) result.parts.push_back(text_literal(std::move(pending)));
      pending.clear();
    };
    while (!done() && !(quote && look() == quote)) {
      if (at_open()) {
        flush();
        result.parts.push_back(*interpolation());
        continue;
      }
      std::size_t run = 0;
      while (look(run) == '\\') ++run;
      if (run == 0) {
        pending += text_[at_++];
        continue;
      }
      at_ += run;
      const bool odd = run % 2 == 1;
      if (at_open()) {
        pending.append(run / 2, '\\');
        if (odd) {
          pending += "${";
          at_ += 2;
        }
      } else if (quote && look() == quote) {
        pending.append(run / 2, '\\');
        if (odd) pending += text_[at_++];
      } else {
        pending.append(run, '\\');
      }
    }
    flush();
    if (result.parts.size() == 1) return std::move(result.parts[0]);
    if (result.parts.empty()) return text_literal("");
    return result;
  }

  std::optional<Expression> interpolation() override {
    if (!at_open()) return std::nullopt;
    const Nested nested(*this);
    at_ += 2;
    skip_blanks();
    Expression result;
    result.type = Type::kNode;
    bool could_name = true;  // only names and dots so far: may turn out to be a resolver
    while (look() == '.') {
      result.parts.push_back(text_literal("."));
      could_name = false;
      ++at_;
    }
    key_step(result, could_name);
    while (look() == '.' || look() == '[') {
      if (look() == '.') {
        result.parts.push_back(text_literal("."));
        ++at_;
        result.parts.push_back(key(could_name));
      } else {
        key_step(result, could_name);
      }
    }
    if (look(blanks()) == ':' && could_name) return resolver(std::move(result));
    expect('}');
    return result;
  }

  /// A key, bare or in brackets.
  void key_step(Expression& node, bool& could_name) {
    if (look() != '[') {
      node.parts.push_back(key(could_name));
      return;
    }
    could_name = false;
    ++at_;
    node.parts.push_back(text_literal("["));
    node.parts.push_back(key(could_name));
    if (look() != ']') fail("']' is missing");
    ++at_;
    node.parts.push_back(text_literal("]"));
  }

  Expression key(bool& could_name) {
    if (at_open()) return *interpolation();
    const std::size_t id = lexical::match_id(text_, at_);
    const auto end = std::min(text_.find_first_of("\\{}()[]:. \t'\"", at_), text_.size());
    const std::size_t length = end - at_;
    if (length == 0) fail("a key is missing");
    if (length != id) could_name = false;
    Expression result = text_literal(text_.substr(at_, length));
    at_ = end;
    return result;
  }

  Expression resolver(Expression name) {
    Expression result;
    result.type = Type::kResolver;
    for (std::size_t i = 0; i < name.parts.size(); i += 2) result.name.push_back(std::move(name.parts[i]));
    expect(':');
    skip_blanks();
    result.parts = sequence('}');
    expect('}');
    return result;
  }
};

}  // namespace

Expression parse_interpolated(const std::string& text) { return Parser(text).whole(); }

Expression parse_single_element(const std::string& text) { return Parser(text).single_element(); }

}  // namespace scalselect::config
