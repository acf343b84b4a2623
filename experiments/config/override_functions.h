// Functions of the override grammar: choice, range, interval, glob, sort and the casts int, float, str, bool.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/config/override.h"

namespace scalselect::config {

/// What an element of the grammar evaluates to: a value, or a sweep.
struct Argument {
  Value value;
  Sweep sweep;

  bool is_sweep() const { return sweep.kind != SweepKind::kNone; }
  bool is_choice() const { return sweep.kind == SweepKind::kChoice || sweep.kind == SweepKind::kSimpleChoice; }
};

struct FunctionCall {
  std::string name;
  std::vector<Argument> positional;
  std::vector<std::pair<std::string, Argument>> named;
};

/// `a,b,c`.
Argument simple_choice(std::vector<Argument> elements);

/// Throws UserError with the reason: unknown function, wrong arguments, empty or nested choice…
Argument call_function(FunctionCall call);

}  // namespace scalselect::config
