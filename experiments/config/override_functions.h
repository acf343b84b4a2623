// Functions of the override grammar: choice, range, interval, glob, sort and the casts int, float, str, bool.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/config/override.h"

namespace scalselect::config {

/// What an element of the grammar evaluates to: a value, or a sweep.
struct Argument {
  Element element;
  Sweep sweep;
  bool quoted = false;  ///< the element was a quoted string
};

struct FunctionCall {
  std::string name;
  std::vector<Argument> positional;
  std::vector<std::pair<std::string, Argument>> named;
};

/// A value without quotes, with the text that reads back as it.
Argument plain_argument(Value value);

/// `a,b,c`.
Argument simple_choice(std::vector<Argument> elements);

/// Throws UserError with the reason: unknown function, wrong arguments, empty or nested choice…
Argument call_function(FunctionCall call);

}  // namespace scalselect::config
