#include "experiments/app/eval_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/options.h"

namespace scalselect::app {
namespace {

using pipeline::ScoredAnswers;

/// Intervals of the columns, by benchmark and metric.
std::map<std::string, eval::Interval> intervals_of(std::span<const ScoredAnswers> scored,
                                                   const eval::BootstrapOptions& options) {
  std::map<std::string, eval::Interval> intervals;
  for (const auto& [benchmark, rescored, unusable] : scored) {
    const auto& metrics = rescored.scores.metrics;
    if (metrics.empty() || !metrics.front().metric.column) continue;  // answers only
    const eval::MethodRun run{benchmark.name, 0, {rescored.scores}};
    const eval::PairedBootstrap bootstrap(std::span(&run, 1), benchmark.name, options);
    for (std::size_t k = 0; k < bootstrap.columns().size(); ++k) {
      intervals[benchmark.name + "/" + bootstrap.columns()[k].name] = bootstrap.column(benchmark.name, k).interval;
    }
  }
  return intervals;
}

std::string option_text(const eval::BenchmarkOptions& options, const char* key) {
  return dump_options(options).at(key).get<std::string>();
}

/// "matcher default for all", or which benchmarks have which.
std::string by_value(std::span<const ScoredAnswers> scored, const char* key) {
  std::map<std::string, std::vector<std::string>> names;
  for (const auto& item : scored) names[option_text(item.options, key)].push_back(item.options.display);
  if (names.size() == 1) return names.begin()->first;
  std::vector<std::string> parts;
  for (const auto& [value, benchmarks] : names)
    parts.push_back(fmt::format("{} ({})", value, fmt::join(benchmarks, ", ")));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string count_text(std::int64_t answered, std::int64_t unusable) {
  return fmt::format("{} of {}", answered, answered + unusable);
}

/// Two decimals, as the scores of papers have at most; points of MME have four digits before them.
std::string number(double value) { return fmt::format("{:.2f}", value); }

}  // namespace

bool is_complete(std::span<const ScoredAnswers> scored) {
  return std::none_of(scored.begin(), scored.end(), [](const ScoredAnswers& item) { return item.unusable > 0; });
}

report::Grid eval_grid(std::span<const ScoredAnswers> scored, const eval::BootstrapOptions& bootstrap, int limit) {
  report::Grid grid;
  grid.header = {"benchmark", "metric",     "value",   fmt::format("{:g} % interval", 100 * bootstrap.level),
                 "chance",    "unreadable", "answered"};
  const auto intervals = intervals_of(scored, bootstrap);
  for (const auto& [options, rescored, unusable] : scored) {
    const auto answered = count_text(std::ssize(rescored.questions), unusable);
    const auto unreadable = fmt::format("{:.1f} %", 100 * rescored.scores.unreadable);
    bool any = false;
    for (const auto& stats : rescored.scores.metrics) {
      const auto& metric = stats.metric;
      if (!metric.column) continue;
      const auto& interval = intervals.at(options.name + "/" + metric.name);
      grid.rows.push_back(report::plain_row({metric.display, metric.name, number(metric.value),
                                             number(interval.low) + " … " + number(interval.high),
                                             number(metric.chance), unreadable, answered}));
      any = true;
    }
    if (!any) grid.rows.push_back(report::plain_row({options.display, "answers only", "–", "–", "–", "–", answered}));
    if (rescored.scores.unreadable > 0.01) {
      grid.notes.push_back(fmt::format("No rule could read {} of the answers to {}: its score measures the rules, too.",
                                       unreadable, options.display));
    }
    if (unusable > 0) {
      grid.notes.push_back(fmt::format("Incomplete: {} questions of {} could not be asked; their list is in {}.",
                                       unusable, options.display, pipeline::kUnusableFile));
    }
  }
  std::string others;  // benchmarks with a limit of their own
  for (const auto& item : scored) {
    const auto own = item.options.max_new_tokens.value_or(limit);
    if (own != limit) others += fmt::format("{}{}: {}", others.empty() ? " (" : ", ", item.options.display, own);
  }
  grid.notes.push_back(fmt::format("Prompts: {}. Answer rules: {}. Greedy, at most {} new tokens{}.",
                                   by_value(scored, "style"), by_value(scored, "matcher"), limit,
                                   others.empty() ? "" : others + ")"));
  return grid;
}

nlohmann::ordered_json eval_json(std::span<const ScoredAnswers> scored, const eval::BootstrapOptions& bootstrap) {
  const auto intervals = intervals_of(scored, bootstrap);
  nlohmann::ordered_json tree = {{"complete", is_complete(scored)}, {"benchmarks", nlohmann::ordered_json::array()}};
  for (const auto& [options, rescored, unusable] : scored) {
    nlohmann::ordered_json item = {{"name", options.name},
                                   {"display", options.display},
                                   {"style", option_text(options, "style")},
                                   {"matcher", option_text(options, "matcher")},
                                   {"questions", rescored.questions.size()},
                                   {"unusable", unusable},
                                   {"unreadable", rescored.scores.unreadable},
                                   {"metrics", nlohmann::ordered_json::array()}};
    for (const auto& stats : rescored.scores.metrics) {
      const auto& metric = stats.metric;
      nlohmann::ordered_json line = {{"name", metric.name},     {"display", metric.display},
                                     {"value", metric.value},   {"scale_max", metric.scale_max},
                                     {"chance", metric.chance}, {"majority", metric.majority},
                                     {"column", metric.column}};
      if (const auto found = intervals.find(options.name + "/" + metric.name); found != intervals.end()) {
        line["low"] = found->second.low;
        line["high"] = found->second.high;
      }
      item["metrics"].push_back(std::move(line));
    }
    tree["benchmarks"].push_back(std::move(item));
  }
  return tree;
}

}  // namespace scalselect::app
