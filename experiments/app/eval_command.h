// eval: a model folder's answers to benchmarks, and everything that can be done with answers.
#pragma once

#include <set>
#include <string>

#include "experiments/app/commands.h"

namespace scalselect::app {

/// Exit code of a command that did what it was asked for, but not with every question: some could not be used.
inline constexpr int kIncompleteExit = 3;

// The verbs of `eval`, each with the words after it. Only `answer` runs a model; it is also what `eval key=value …`
// means.
int eval_answer(const Words& words);

std::set<std::string> eval_verbs();
inline bool is_eval_verb(const std::string& word) { return eval_verbs().contains(word); }

}  // namespace scalselect::app
