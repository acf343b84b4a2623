#include "experiments/report/reading.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/report/text.h"

namespace scalselect::report {
namespace {

/// The sheets of one benchmark over the runs of a regime, with the scores they belong to.
struct BenchmarkSheets {
  std::string name, display;
  std::vector<const AnswerSheet*> sheets;
  std::vector<const eval::ScoredBenchmark*> scores;
  std::vector<std::string> labels;
};

std::vector<BenchmarkSheets> sheets_of(const Collection& collection, const std::string& regime) {
  std::vector<BenchmarkSheets> all;
  for (const auto& run : collection.runs) {
    if (run.regime != regime) continue;
    for (std::size_t b = 0; b < run.sheets.size(); ++b) {
      const auto& sheet = run.sheets[b];
      auto found = std::find_if(all.begin(), all.end(), [&](const auto& item) { return item.name == sheet.benchmark; });
      if (found == all.end()) found = all.insert(all.end(), {sheet.benchmark, sheet.display, {}, {}, {}});
      found->sheets.push_back(&sheet);
      found->scores.push_back(&run.benchmarks[b]);
      found->labels.push_back(run.label());
    }
  }
  return all;
}

/// 9000 as "9,000".
std::string thousands(std::int64_t count) {
  auto text = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

/// What `get` says of each sheet, each text once.
template <class Get>
std::string values(const BenchmarkSheets& benchmark, const Get& get) {
  std::vector<std::string> texts;
  for (const auto* sheet : benchmark.sheets) {
    auto text = get(*sheet);
    if (text.empty()) text = "–";
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// Of the columns of a benchmark.
std::string levels(const eval::ScoredBenchmark& scores, double eval::Metric::*level) {
  std::vector<std::string> texts;
  for (const auto& stats : scores.metrics) {
    if (stats.metric.column) texts.push_back(fmt::format("{:.1f}", stats.metric.*level));
  }
  return fmt::format("{}", fmt::join(texts, " / "));
}

std::string answered_text(const AnswerSheet& sheet) {
  return thousands(sheet.answered) + " of " + thousands(sheet.answered + sheet.left_out());
}

/// "missing picture (12), repeated id (1)", the commonest first.
std::string reasons_text(const std::map<std::string, std::int64_t>& unusable) {
  std::vector<std::pair<std::int64_t, std::string>> ordered;
  for (const auto& [reason, count] : unusable) ordered.emplace_back(-count, reason);
  std::sort(ordered.begin(), ordered.end());
  constexpr std::size_t kShown = 3;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < std::min(kShown, ordered.size()); ++i)
    texts.push_back(fmt::format("{} ({})", ordered[i].second, -ordered[i].first));
  if (ordered.size() > kShown) texts.push_back(fmt::format("{} more reasons", ordered.size() - kShown));
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace

Grid reading_grid(const Collection& collection, const std::string& regime) {
  Grid grid{
      {"benchmark", "answered", "unreadable %", "prompt", "matcher", "new tokens", "chance", "constant answer", "file"},
      {},
      {}};
  for (const auto& benchmark : sheets_of(collection, regime)) {
    double least = 1, most = 0;
    for (const auto* scores : benchmark.scores) {
      least = std::min(least, scores->unreadable);
      most = std::max(most, scores->unreadable);
    }
    const auto range =
        least == most ? fmt::format("{:.1f}", 100 * most) : fmt::format("{:.1f} to {:.1f}", 100 * least, 100 * most);
    grid.rows.push_back(
        plain_row({benchmark.display, values(benchmark, answered_text), range,
                   values(benchmark, [](const AnswerSheet& sheet) { return sheet.style; }),
                   values(benchmark, [](const AnswerSheet& sheet) { return sheet.matcher; }),
                   values(benchmark,
                          [](const AnswerSheet& sheet) {
                            return sheet.max_new_tokens > 0 ? std::to_string(sheet.max_new_tokens) : std::string();
                          }),
                   levels(*benchmark.scores.front(), &eval::Metric::chance),
                   levels(*benchmark.scores.front(), &eval::Metric::majority),
                   values(benchmark, [](const AnswerSheet& sheet) { return sheet.file_digest.substr(0, 12); })}));
  }
  if (grid.rows.empty()) return grid;
  grid.notes = reading_warnings(collection, regime);
  grid.notes.emplace_back(
      "Chance: what fair guessing scores, computed from the questions; constant answer: the best answer that is the "
      "same "
      "to all. Several numbers belong to several columns. File: SHA-256 of the questions, its beginning.");
  return grid;
}

Grid unreadable_grid(const Collection& collection, const std::string& regime) {
  Grid grid{{"unreadable answers, %"}, {}, {}};
  const auto benchmarks = sheets_of(collection, regime);
  for (const auto& benchmark : benchmarks) grid.header.push_back(benchmark.display);
  for (const auto& run : collection.runs) {
    const auto label = run.label();
    const bool known = std::any_of(grid.rows.begin(), grid.rows.end(),
                                   [&](const GridRow& row) { return row.cells.front().text == label; });
    if (run.regime != regime || known || run.sheets.empty()) continue;
    auto row = plain_row({label}, run.is_full());
    for (const auto& benchmark : benchmarks) {
      double sum = 0, count = 0;
      for (std::size_t i = 0; i < benchmark.labels.size(); ++i) {
        if (benchmark.labels[i] == label) sum += benchmark.scores[i]->unreadable, ++count;
      }
      row.cells.push_back({count > 0 ? fmt::format("{:.2f}", 100 * sum / count) : "–"});
    }
    grid.rows.push_back(std::move(row));
  }
  return grid;
}

std::vector<std::string> reading_warnings(const Collection& collection, const std::string& regime) {
  std::vector<std::string> warnings;
  for (const auto& benchmark : sheets_of(collection, regime)) {
    const auto lacking = std::max_element(benchmark.sheets.begin(), benchmark.sheets.end(),
                                          [](auto* a, auto* b) { return a->left_out() < b->left_out(); });
    const auto incomplete = std::count_if(benchmark.sheets.begin(), benchmark.sheets.end(),
                                          [](const AnswerSheet* sheet) { return sheet->left_out() > 0; });
    if (incomplete > 0) {
      warnings.push_back(
          fmt::format("Incomplete (†): of {} up to {} of {} questions could not be asked in {} of {} runs: {}. The "
                      "scores are those "
                      "of the questions that could be.",
                      benchmark.display, thousands((*lacking)->left_out()),
                      thousands((*lacking)->answered + (*lacking)->left_out()), incomplete, benchmark.sheets.size(),
                      reasons_text((*lacking)->unusable)));
    }
    std::vector<std::string> hard;
    double most = 0;
    for (std::size_t i = 0; i < benchmark.scores.size(); ++i) {
      const double share = benchmark.scores[i]->unreadable;
      most = std::max(most, share);
      if (share > kFewUnreadable && std::find(hard.begin(), hard.end(), benchmark.labels[i]) == hard.end())
        hard.push_back(benchmark.labels[i]);
    }
    if (hard.empty()) continue;
    constexpr std::size_t kShown = 4;
    const auto others = hard.size() > kShown ? fmt::format(" and {} more", hard.size() - kShown) : std::string();
    hard.resize(std::min(hard.size(), kShown));
    warnings.push_back(
        fmt::format("{}: up to {:.1f} % of the answers cannot be read by the rules (more than {:g} % for {}{}); they "
                    "count as wrong, "
                    "so the score is in part the matcher's.",
                    benchmark.display, 100 * most, 100 * kFewUnreadable, fmt::join(hard, ", "), others));
  }
  return warnings;
}

}  // namespace scalselect::report
