#include "eval/metric_stats.h"

#include <algorithm>

namespace scalselect::eval {

std::vector<MetricStats::Entry> SumCollector::entries() const {
  std::vector<MetricStats::Entry> result;
  for (const auto& [key, amount] : sums_) {
    if (amount != 0) result.push_back({key.first, key.second, amount});
  }
  return result;
}

double percent_of_sums(std::span<const double> sums) { return sums[1] > 0 ? 100 * (sums[0] / sums[1]) : 0; }

MetricStats percent_metric(Metric metric, std::span<const std::pair<std::int32_t, double>> items) {
  SumCollector sums;
  for (const auto& [cluster, value] : items) {
    sums.add(cluster, 0, value);
    sums.add(cluster, 1, 1);
  }
  metric.questions = static_cast<std::int64_t>(items.size());
  return {std::move(metric), 2, sums.entries(), percent_of_sums};
}

double guess_chance(const Question& question) {
  if (!question.options.empty()) return 1.0 / static_cast<double>(question.options.size());
  const std::string& answer = question.answers.front();
  return answer == "yes" || answer == "no" ? 0.5 : 0.0;
}

double majority_share(std::span<const Question* const> questions) {
  std::map<std::string, std::size_t> counts;
  for (const auto* question : questions) ++counts[question->answers.front()];
  std::size_t most = 0;
  for (const auto& [answer, count] : counts) most = std::max(most, count);
  return questions.empty() ? 0 : static_cast<double>(most) / static_cast<double>(questions.size());
}

}  // namespace scalselect::eval
