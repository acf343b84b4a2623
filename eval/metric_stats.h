// Building blocks of metrics that are functions of sums over clusters.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// Collects amounts by (cluster, slot) and returns them in the order that MetricStats requires.
class SumCollector {
 public:
  void add(std::int32_t cluster, std::int32_t slot, double amount) { sums_[{cluster, slot}] += amount; }
  std::vector<MetricStats::Entry> entries() const;

 private:
  std::map<std::pair<std::int32_t, std::int32_t>, double> sums_;
};

/// 100 * sum(slot 0) / sum(slot 1); 0 without questions.
double percent_of_sums(std::span<const double> sums);

/// A share in percent: `item` = (cluster, value 0..1) of each unit. Metric levels are taken from `metric`.
MetricStats percent_metric(Metric metric, std::span<const std::pair<std::int32_t, double>> items);

/// Chance of a fair guess at one question: 1/options, 0.5 for yes/no, 0 for open questions.
double guess_chance(const Question& question);

/// Share (0..1) of the commonest first answer: the best that a constant answer reaches.
double majority_share(std::span<const Question* const> questions);

}  // namespace scalselect::eval
