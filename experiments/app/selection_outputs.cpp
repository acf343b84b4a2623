#include "experiments/app/selection_outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "baselines/feature_file.h"
#include "core/files.h"
#include "core/log.h"
#include "data/score_file.h"
#include "data/selection.h"
#include "experiments/report/text.h"
#include "experiments/runs/program.h"

namespace scalselect::app {
namespace fs = std::filesystem;

namespace {

/// Standard output, a pipe or a device: nothing can lie beside it.
bool is_stream(const fs::path& file) {
  const auto place = fs::absolute(file).lexically_normal().string();
  std::error_code unknown;
  return place.starts_with("/dev/") || place.starts_with("/proc/") ||
         (fs::exists(file, unknown) && !fs::is_regular_file(file, unknown) && !fs::is_directory(file, unknown));
}

}  // namespace

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

void warn_of_excluded(std::span<const std::string> ids, std::span<const std::int64_t> positions, const char* what) {
  if (positions.empty()) return;
  constexpr std::size_t kNamed = 10;
  std::string names;
  for (const auto i : positions.first(std::min(positions.size(), kNamed)))
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", ids[static_cast<std::size_t>(i)]);
  log_warning("{} vectors hold NaN or infinity and {}: {}{}", positions.size(), what, names,
              positions.size() > kNamed ? ", …" : "");
}

std::int64_t write_vector_scores(std::span<const std::string> ids, std::span<const double> scores,
                                 const fs::path& out) {
  std::vector<std::int64_t> excluded;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (std::isnan(scores[i])) excluded.push_back(static_cast<std::int64_t>(i));
  }
  write_scores(ids, scores, out);
  warn_of_excluded(ids, excluded, "got no score");
  return static_cast<std::int64_t>(ids.size() - excluded.size());
}

schema::SelectOptions select_options(const Bound& bound) {
  auto tree = bound.tree;
  for (const char* group : {"pool", "model", "target", "selector", "method", "budget"}) tree.erase(group);
  return bind_options<schema::SelectOptions>(tree, "", bound.origin);
}

std::vector<Budget> budgets_of(const Bound& bound) {
  return bound.tree.contains("budget") ? budgets_from(bound.tree["budget"]) : std::vector<Budget>{Budget()};
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
  for (const auto& file : outputs) {
    if (!is_stream(file)) check_outputs({pipeline::manifest_of(file)}, inputs);
  }
  if (!asked.ranking) return outputs;
  check_outputs({*asked.ranking}, inputs);
  for (const auto& file : outputs) {
    std::error_code unknown;
    const auto place = [&](const fs::path& path) { return fs::weakly_canonical(fs::absolute(path), unknown); };
    const bool subset = place(file) == place(*asked.ranking);
    if (!subset && place(pipeline::manifest_of(file)) != place(*asked.ranking)) continue;
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("'{}' would be both the subset{} and its ranking.", *asked.ranking, subset ? "" : "'s manifest"),
        "Choose another ranking=.");
  }
  return outputs;
}

Chosen choose_by(Bound bound, Door door) {
  return door == Door::kModel ? choose_with_model(std::move(bound)) : choose_from_files(std::move(bound), door);
}

namespace {

void write_subset_of(const Chosen& chosen, std::size_t i, const fs::path& file, SubsetFormat format) {
  const auto& rows = chosen.selections[i].rows;
  const auto* pool = chosen.pool.get();
  if (pool != nullptr) write_subset(*pool, rows, file, format);
  else write_row_list(rows, file);
  fmt::print("{}: {} of {} {} ({})\n", file.string(), rows.size(), chosen.rows.size,
             pool != nullptr ? "samples" : "rows of '" + chosen.rows.name + "', whose pool is not known",
             chosen.whatever_the_budget ? "all there is to choose, whatever the budget"
                                        : "budget " + chosen.budgets[i].label());
}

/// Writes the scored candidates, best first; of a method without scores, the rows that were chosen.
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

}  // namespace

void write_chosen(const Chosen& chosen, const schema::SelectOptions& asked, const std::vector<fs::path>& outputs,
                  const Words& words) {
  Words command = {"scalselect", "select"};
  command.insert(command.end(), words.begin(), words.end());
  const pipeline::ManifestOrigin origin{pipeline::program_facts(), report::shell_text(command)};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const bool stream = is_stream(outputs[i]);
    write_subset_of(chosen, i, outputs[i], asked.format.format);
    if (stream) continue;
    auto record = chosen.record;
    record.settings["budget"] = chosen.budgets[i].text();
    pipeline::write_manifest(record, chosen.selections[i].rows, chosen.pool.get(), outputs[i], origin);
  }
  if (asked.ranking) write_ranking_of(*chosen.pool, chosen.selections.back(), *asked.ranking);
}

}  // namespace scalselect::app
