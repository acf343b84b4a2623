// OmegaConf 2.3's interpolation grammar (OmegaConfGrammarLexer.g4, OmegaConfGrammarParser.g4) as a small syntax tree.
#pragma once

#include <string>
#include <vector>

#include "experiments/config/value.h"

namespace scalselect::config {

struct Expression {
  enum class Type {
    kLiteral,   ///< `value`
    kConcat,    ///< string forms of `parts`, joined
    kNode,      ///< `${…}`: `parts` make the dotted key (literals for dots, brackets and names, nested expressions)
    kResolver,  ///< `${name:args}`: `name` parts joined by dots, `parts` are the arguments
    kList,      ///< `parts`
    kMap,       ///< `keys` and `parts`
  };
  Type type = Type::kLiteral;
  Value value;
  std::vector<Expression> name;
  std::vector<Value> keys;
  std::vector<Expression> parts;
};

/// A configuration value that may hold `${…}`. Throws UserError with the reason and the text.
Expression parse_interpolated(const std::string& text);

/// A single element of the value grammar, as `oc.decode` reads it.
Expression parse_single_element(const std::string& text);

}  // namespace scalselect::config
