#include "experiments/app/selection_outputs.h"

#include <fmt/format.h>

#include <numeric>

#include "baselines/feature_file.h"
#include "core/files.h"
#include "data/selection.h"

namespace scalselect::app {
namespace fs = std::filesystem;

MethodChoice take_method(Bound& bound) {
  MethodChoice choice{"", bound.take_raw("method")};
  if (!choice.options.is_object() || !choice.options.contains("name")) {
    throw UserError(ErrorKind::kUsage, "'method.name' is missing.", "Choose a method with method=NAME.");
  }
  choice.name = choice.options["name"].get<std::string>();
  choice.options.erase("name");
  bound.take_raw("selector");
  return choice;
}

void check_outputs(const std::vector<fs::path>& outputs, const std::vector<fs::path>& inputs) {
  for (const auto& out : outputs) {
    require_writable(out);
    for (const auto& input : inputs) {
      std::error_code missing;
      if (!fs::equivalent(out, input, missing)) continue;
      throw UserError(ErrorKind::kUsage, fmt::format("'{}' is read, and would be overwritten.", out.string()),
                      "Choose another out= (or ranking=).");
    }
  }
}

std::vector<fs::path> outputs_for(const schema::SelectOptions& asked, const std::vector<Budget>& budgets,
                                  const std::vector<fs::path>& inputs) {
  const fs::path out = asked.out;
  std::vector<fs::path> outputs;
  for (const auto& budget : budgets) {
    const auto name = out.stem().string() + "." + budget.text() + out.extension().string();
    outputs.push_back(budgets.size() == 1 ? out : out.parent_path() / name);
  }
  check_outputs(outputs, inputs);
  if (!asked.ranking) return outputs;
  check_outputs({*asked.ranking}, inputs);
  for (const auto& file : outputs) {
    std::error_code unknown;
    const auto ranking = fs::weakly_canonical(fs::absolute(*asked.ranking), unknown);
    if (fs::weakly_canonical(fs::absolute(file), unknown) != ranking) continue;
    throw UserError(ErrorKind::kUsage, fmt::format("'{}' would be both the subset and its ranking.", file.string()),
                    "Choose another ranking=.");
  }
  return outputs;
}

void write_selection(const RowSet& source, const Pool* pool, const std::vector<std::int64_t>& rows,
                     const fs::path& file, const Budget& budget, SubsetFormat format) {
  if (pool != nullptr) write_subset(*pool, rows, file, format);
  else write_row_list(rows, file);
  fmt::print("{}: {} of {} {} (budget {})\n", file.string(), rows.size(), source.size,
             pool != nullptr ? "samples" : "rows of '" + source.name + "', whose pool is not known", budget.label());
}

void write_ranking_of(const Pool& pool, const Selection& selection, const fs::path& file) {
  auto ranked = selection.rows;
  if (!selection.scores.empty()) {
    ranked.resize(static_cast<std::size_t>(pool.size()));
    std::iota(ranked.begin(), ranked.end(), 0);
    ranked = scored_rows(selection.scores, ranked);
    ranked = top_rows(selection.scores, ranked, std::ssize(ranked));
  }
  write_ranking(pool, ranked, selection.scores, file);
}

}  // namespace scalselect::app
