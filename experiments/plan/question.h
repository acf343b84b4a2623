// Whether an experiment can answer its question: what differences it would see, before it has run.
//
// The noise of a difference of Rel. comes from pilot runs where there are any, else from a model of each column: two
// equally good models that answer the share psi of its questions differently (for MME: answers of a picture's two
// questions independent, so that the standard error of a category with n pictures and accuracy p is
// sqrt(2 psi / n) * (50 + 100 p)). The levels are LLaVA-1.5-7B's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eval/power.h"

namespace scalselect::plan {

/// A column of the table before anything was measured.
struct ColumnGuess {
  std::string display;
  eval::ColumnNoise noise;
};

/// The column `metric` of a benchmark of that kind ("pope", "adversarial_f1"). `units`: questions that decide it if the
/// file is at hand (groups of MMBench, not rows), 0: as many as the known release has. Nothing for a column of which
/// nothing is known here.
std::optional<ColumnGuess> guess_column(const std::string& kind, const std::string& language, const std::string& metric,
                                        double units, double discordant);

struct Question {
  std::string basis;            ///< where the noise is from: a sentence
  eval::DifferenceNoise noise;  ///< of a difference of Rel., points
  std::int64_t seeds = 1;       ///< of the experiment
  std::int64_t methods = 0;     ///< that are compared with random
  double difference = 1;        ///< that should be seen, points
  double power = 0.8;
  std::optional<double> headroom;  ///< full - random, points
  std::string headroom_basis;
  /// Differences to random that somebody reports, points, with the method's name.
  std::vector<std::pair<std::string, double>> reported;
};

/// Lines of text: headroom in standard errors, what is seen with that power (also where Holm's correction over all
/// methods has to be passed), the power for what is reported, and the seeds and questions that `difference` takes.
std::vector<std::string> question_lines(const Question& question);

}  // namespace scalselect::plan
