// How small a difference between two models a comparison can see, and what it takes to see a given one.
//
// Everything is about a two-sided test of a paired difference (the same questions, the same seeds). Two sources of
// noise add up (Miller, Adding Error Bars to Evals, arXiv 2411.00640; Bouthillier et al., arXiv 2103.03098): the
// questions, a sample of those that could have been asked, whose share stays however often one trains; and the
// training, which more seeds average out. A difference is in the unit of the score, and its noise in the same.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace scalselect::eval {

/// Standard error of a difference of two shares (0..1) on the same `questions`, of which the share `discordant_share`
/// is answered rightly by one model alone: sqrt(share / questions). Largest where the models are equally good.
double paired_standard_error(double discordant_share, double questions);

/// The smallest difference of two shares (0..1; times 100 for points) that a test at `level` finds with probability
/// `power`: (z_{1 - level/2} + z_{power}) * paired_standard_error, that is 2.80 * sqrt(share / questions).
double detectable_difference(double discordant_share, double questions, double power = 0.8, double level = 0.05);

/// Questions at which `difference` (0..1, not 0) is detectable; a fraction is not rounded.
double questions_needed(double difference, double discordant_share, double power = 0.8, double level = 0.05);

/// What disturbs a difference between two methods, as standard deviations in the unit of the difference.
struct DifferenceNoise {
  double seed = 0;      ///< of one seed's difference over training seeds, questions fixed
  double question = 0;  ///< standard error that comes from the sample of questions, whatever the number of seeds

  /// Standard error of the mean difference over `seeds` >= 1: sqrt(seed^2 / seeds + question^2).
  double of_mean(double seeds) const;
};

/// The probability that a test at `level` over `seeds` finds a true `difference`. With several seeds a t test, whose
/// degrees of freedom say how much of the noise is estimated from the seeds (Welch and Satterthwaite; without question
/// noise seeds - 1); with one seed the noise is taken as known, which flatters. `level` itself if difference is 0.
double power_of(double difference, const DifferenceNoise& noise, std::int64_t seeds, double level = 0.05);

/// The smallest difference that is found with probability `power`.
double detectable_difference(const DifferenceNoise& noise, std::int64_t seeds, double power = 0.8, double level = 0.05);

/// The fewest seeds with which `difference` is found with probability `power`; nothing if no number does, since the
/// questions alone are too few, or more than `most` are needed.
std::optional<std::int64_t> seeds_needed(double difference, const DifferenceNoise& noise, double power = 0.8,
                                         double level = 0.05, std::int64_t most = 1000);

/// How many times as many questions, of the same kind, `seeds` seeds need for it; below 1 if fewer would do. Nothing if
/// the training noise alone is too much for that many seeds.
std::optional<double> question_factor_needed(double difference, const DifferenceNoise& noise, std::int64_t seeds,
                                             double power = 0.8, double level = 0.05);

/// A column of a table, for the noise of Rel.
struct ColumnNoise {
  double full = 0;            ///< the denominator, in the column's unit, not 0
  double standard_error = 0;  ///< of the difference of two methods, in the column's unit
};

/// Standard error of a difference of Rel., in its points (100 = full): columns count alike and are taken as
/// independent, so that columns which share questions make it too small. Not NaN for at least one column.
double relative_standard_error(std::span<const ColumnNoise> columns);

}  // namespace scalselect::eval
