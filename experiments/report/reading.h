// How the answers behind a table were got and read: counts, prompts, matchers, limits, levels of guessing.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/collect.h"
#include "experiments/report/grid.h"

namespace scalselect::report {

/// Share of unreadable answers above which a score says as much about the matcher as about the model.
inline constexpr double kFewUnreadable = 0.01;

/// One row per benchmark: answered of all, prompt style, matcher, limit of new tokens, levels of chance and of the best
/// constant answer, the benchmark's files. Where the runs differ all values are listed. The notes name what could not
/// be asked, with reasons, and what was hard to read.
Grid reading_grid(const Collection& collection, const std::string& regime);

/// Share of answers that no rule could read, in percent: methods by benchmarks, means over seeds.
Grid unreadable_grid(const Collection& collection, const std::string& regime);

/// Sentences for the foot of the main table: what is incomplete, what is hard to read. Empty if all is well.
std::vector<std::string> reading_warnings(const Collection& collection, const std::string& regime);

}  // namespace scalselect::report
