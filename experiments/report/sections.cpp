#include "experiments/report/sections.h"

#include <utility>

#include "experiments/report/reading.h"

namespace scalselect::report {

std::vector<Section> sections_of(const Collection& collection, const Table& table, const Published& published) {
  std::vector<Section> sections;
  const auto add = [&](const std::string& name, const std::string& title, Grid grid, bool brief) {
    if (grid.rows.empty()) return;
    sections.push_back({name + "-" + table.regime, title + ", at equal " + table.regime, std::move(grid), brief});
  };
  add("published", "Beside the published numbers", published_grid(table, published.tables, published.metrics), true);
  for (const auto& comparison : table.comparisons)
    add(comparison.against == "full" ? "resolved-full" : "resolved", "What was resolved against " + comparison.against,
        resolution_grid(comparison), true);
  std::vector<std::string> names;
  for (const auto& row : table.rows) names.push_back(row.method == "full" ? row.method : row.method + " " + row.budget);
  add("measures", "Other measures of the same answers", measures_grid(table.measures, names), true);
  add("reading", "How the answers were got and read", reading_grid(collection, table.regime), true);
  add("unreadable", "Unreadable answers by method", unreadable_grid(collection, table.regime), false);
  for (const auto& comparison : table.comparisons)
    add(comparison.against == "full" ? "tests-full" : "tests", "Every paired test against " + comparison.against,
        tests_grid(comparison), false);
  return sections;
}

}  // namespace scalselect::report
