// Skill tags of questions: a sidecar file that only analysis reads.
//
// `skills.jsonl` beside the benchmark's questions (in its folder, or beside its file; for a file X.tsv,
// `X.skills.jsonl` wins), one object per line: {"id": "<question id>", "skill": "<name>"}. For MMBench the id of the
// first rotation applies to all rotations; for POPE it is "<split>/<question_id>"; for MME "<category>/<image file>",
// for both questions.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// id -> skill. Throws UserError(kInput), naming file and line, on bad JSON, a missing key or a repeated id.
std::map<std::string, std::string> read_skills(const std::filesystem::path& file);

/// Accuracy on one skill over all questions tagged with it.
struct SkillScore {
  std::string skill;
  std::int64_t questions = 0;
  double accuracy = 0;  ///< percent, each row counted (no CircularEval)
  double chance = 0;    ///< percent: mean of 1/options, 50 for yes/no, 0 for open questions
  double majority = 0;  ///< percent: the commonest answer, given to all
};

/// Skills sorted by name. `questions` and `outcomes` may be joined over several benchmarks.
std::vector<SkillScore> skill_scores(std::span<const Question> questions, std::span<const Outcome> outcomes);

/// Unweighted mean of the skills' accuracies: the score by which the mini world is judged.
double mean_skill_accuracy(std::span<const SkillScore> skills);

}  // namespace scalselect::eval
