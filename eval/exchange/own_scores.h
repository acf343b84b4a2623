// The scores that a harness gave the answers in its own file, beside ours of the same answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "eval/exchange/answers.h"
#include "eval/exchange/join.h"

namespace scalselect::eval {

struct OwnScores {
  std::string name;                    ///< as the file calls the score: "exact_match", "hit"
  Matcher matcher = Matcher::kStrict;  ///< our version of the harness's rules
  std::size_t scored = 0;              ///< answers that the file scores, or questions of several rotations
  std::vector<std::string> different;  ///< ids of those that we score otherwise
  double theirs = 0, ours = 0;         ///< means in percent
};

/// Compares the scores in `answers` with ours by the rules of the same harness, whatever the benchmark's own matcher
/// is: of VLMEvalKit's versions the one that differs least, the newest of several. A score of one question of a group
/// of rotations is the group's. No value: the file holds no scores, or the benchmark has no such rules.
std::optional<OwnScores> compare_own_scores(const Benchmark& benchmark, const ForeignAnswers& answers,
                                            const Joined& joined);

}  // namespace scalselect::eval
