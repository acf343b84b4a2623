// A parsed template: expressions and statements as one kind of tree.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlm/jinja/value.h"

namespace scalselect::vlm::jinja {

struct Node;
using NodePtr = std::unique_ptr<Node>;

struct Node {
  enum class Kind {
    // Expressions. `kids` are operands in order.
    kLiteral,    ///< `value`
    kName,       ///< `text`
    kList,       ///< items
    kTuple,      ///< items
    kDict,       ///< key, value, key, value, …
    kAttribute,  ///< object; `text`
    kItem,       ///< object, index
    kSlice,      ///< object, first, last, step (null where not given)
    kCall,       ///< callee, arguments
    kFilter,     ///< operand (null in {% filter %} and {% set %} blocks), arguments; `text`
    kTest,       ///< operand, arguments; `text`; `flag`: negated
    kUnary,      ///< `text`: -, +, not
    kBinary,     ///< `text`: +, -, *, /, //, %, **, and, or
    kConcat,     ///< operands of ~
    kCompare,    ///< first operand, then one per entry of `names` (==, <, in, not in, …)
    kCondition,  ///< condition, then, else (may be null)
    // Statements.
    kBody,         ///< statements
    kData,         ///< `text`
    kOutput,       ///< expression
    kIf,           ///< condition, body, condition, body, …, else body (if there is one)
    kFor,          ///< target, iterable, filter (may be null), body, else body (may be null)
    kSet,          ///< target, expression
    kSetBlock,     ///< target, filter (may be null), body
    kMacro,        ///< body; `text`, `names`: parameters; `defaults`: of the last of them
    kCallBlock,    ///< call, macro
    kFilterBlock,  ///< filter, body
    kWith,         ///< body, target, expression, target, expression, …
    kGeneration,   ///< body
    kBreak,
    kContinue,
  };
  Kind kind = Kind::kBody;
  int line = 1;
  int depth = 1;  ///< levels of the tree below and including this
  std::string text;
  Value value;
  bool flag = false;
  std::vector<NodePtr> kids;
  std::vector<std::string> names;
  std::vector<NodePtr> defaults;      ///< of a macro's parameters; of a call: its arguments
  std::vector<std::string> keywords;  ///< of a call's arguments; "": by position, "*" and "**": spread out
};

/// Throws Error, with the line; also for a tree of more than kMostDepth levels.
NodePtr parse(std::string_view source);

}  // namespace scalselect::vlm::jinja
