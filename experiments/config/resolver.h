// The machinery behind resolve.h: finding what an interpolation refers to in a tree.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/config/interpolation_parser.h"
#include "experiments/config/resolve.h"

namespace scalselect::config {

/// Containers from the root down to the one that holds a node.
using Chain = std::vector<const Value*>;

/// A node found: inside the tree, or made by a resolver (then `owned` keeps it).
struct Found {
  const Value* node = nullptr;
  Chain chain;
  std::shared_ptr<const Value> owned;
  bool literal = false;  ///< a resolver's plain result: text in it is not looked at again

  static Found made(Value value, bool literal, Chain chain = {});
};

class Resolver {
 public:
  /// `root` and `context` must outlive the resolver.
  Resolver(const Value& root, const ResolveContext& context) : root_(root), context_(context) {}

  /// What `node`, which lies in `chain`, stands for. Throws UserError.
  Found dereference(const Value& node, const Chain& chain);

  /// `key` from the container `chain.back()` (if it starts with dots) or from the root. nullopt: no such key.
  /// Throws UserError if a step is not a container, or is missing and `throw_on_missing`.
  std::optional<Found> select(const std::string& key, const Chain& chain, bool throw_on_missing);

  /// A copy of `node` with every interpolation below replaced.
  Value convert(const Value& node, const Chain& chain);

  /// `convert` copies this node as it is: only its readers' interpolations count.
  void leave_out(const Value* node) { left_out_ = node; }

 private:
  Found evaluate(const Expression& expression, const Chain& chain, const Value& reader);
  Value evaluate_value(const Expression& expression, const Chain& chain, const Value& reader);
  Found node_interpolation(const Expression& expression, const Chain& chain, const Value& reader);
  Found call_resolver(const std::string& name, const std::vector<Value>& args, const Chain& chain, const Value& reader);
  Found dict_view(const std::string& name, const Value& argument, const Chain& chain);
  std::optional<Found> descend(Found at, const std::vector<std::string>& steps, const std::string& key,
                               bool throw_on_missing);

  /// One more value was read or made: what a configuration expands to is bounded.
  void spend();

  const Value& root_;
  const ResolveContext& context_;
  std::size_t spent_ = 0;
  const Value* left_out_ = nullptr;
  std::vector<const Value*> active_;      // interpolations being dereferenced
  std::vector<const Value*> converting_;  // containers being copied
  std::vector<std::string> path_;         // dotted key of the node being copied, for messages
};

}  // namespace scalselect::config
