// eval: a model folder's answers to benchmarks, and everything that can be done with answers.
#pragma once

#include "experiments/app/commands.h"

namespace scalselect::app {

// The verbs of `eval`, each with the words after it. Only `answer` runs a model; it is also what `eval key=value …`
// means.
int eval_answer(const Words& words);
int eval_template(const Words& words);

}  // namespace scalselect::app
