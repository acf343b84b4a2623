// extract, score, select: the steps for people who train elsewhere, on their files and the authors'.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "baselines/feature_file.h"
#include "baselines/registry.h"
#include "core/files.h"
#include "core/log.h"
#include "data/score_file.h"
#include "data/selection.h"
#include "experiments/app/bound_command.h"
#include "experiments/app/commands.h"
#include "experiments/pipeline/stages.h"
#include "experiments/schema/command_options.h"
#include "selector/choose.h"
#include "selector/feature_store.h"
#include "selector/scalselect.h"

namespace scalselect::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct MethodChoice {
  std::string name;
  json options;
};

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

using schema::ExtractOptions;
using schema::ScoreOptions;
using schema::SelectOptions;

std::vector<Budget> budgets_from(const json& value) {
  if (value.is_string()) return parse_budgets(value.get<std::string>());
  std::vector<Budget> budgets;
  if (!value.is_array()) budgets.push_back(pipeline::budget_from(value));
  else std::transform(value.begin(), value.end(), std::back_inserter(budgets), pipeline::budget_from);
  check_budgets(budgets);
  return budgets;
}

/// Throws UserError before any work is done: kUsage if an output is one of the inputs, kEnvironment if it cannot be
/// written.
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

/// The file of each budget's subset; of several, subset.json with budget 0.16 is subset.0.16.json. None of them, nor
/// the ranking, may be an input.
std::vector<fs::path> outputs_for(const SelectOptions& asked, const std::vector<Budget>& budgets,
                                  const std::vector<fs::path>& inputs) {
  const fs::path out = asked.out;
  std::vector<fs::path> outputs;
  for (const auto& budget : budgets) {
    const auto name = out.stem().string() + "." + budget.text() + out.extension().string();
    outputs.push_back(budgets.size() == 1 ? out : out.parent_path() / name);
  }
  check_outputs(outputs, inputs);
  if (asked.ranking) check_outputs({*asked.ranking}, inputs);
  return outputs;
}

/// What a selection is written from. `pool` is null for a table without its pool: then rows are numbers.
struct Source {
  std::string name;
  const Pool* pool = nullptr;
  std::int64_t size = 0;  ///< rows that shares are taken of
};

Source source_of(const Pool& pool) { return {pool.file().string(), &pool, pool.size()}; }

void write_selection(const Source& source, const std::vector<std::int64_t>& rows, const fs::path& file,
                     const Budget& budget) {
  if (source.pool != nullptr) write_subset(*source.pool, rows, file);
  else write_row_list(rows, file);
  fmt::print("{}: {} of {} {} (budget {})\n", file.string(), rows.size(), source.size,
             source.pool != nullptr ? "samples" : "rows of '" + source.name + "', whose pool is not known",
             budget.label());
}

/// The scored candidates, best first; of a method without scores, the rows that were chosen.
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

/// Chooses and writes what needs no model.
void select_and_write(const Method& method, const MethodInput& input, const Source& source, const SelectOptions& asked,
                      const std::vector<Budget>& budgets, const std::vector<fs::path>& outputs) {
  std::optional<SelectionResult> scored;
  if (method.budget_use == BudgetUse::kScores) scored = score_candidates(method, input);
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    const auto selection = choose(method, input, budgets[i], scored);
    write_selection(source, selection.rows, outputs[i], budgets[i]);
    if (asked.ranking && i + 1 == budgets.size()) write_ranking_of(*source.pool, selection, *asked.ranking);
  }
}

int select_from_scores(const SelectOptions& asked, const pipeline::OpenPool& open, const std::vector<Budget>& budgets) {
  const auto& pool = *open.pool;
  const auto outputs = outputs_for(asked, budgets, {open.path, *asked.scores});
  auto scores = scores_by_row(read_scores(*asked.scores), pool, asked.ids, *asked.scores);
  Method method;  // ranks by what the file says
  method.select = [&scores](const MethodInput&, std::int64_t) { return SelectionResult{{}, scores, {}}; };
  const auto input = open_input(method, rows_of_pool(pool), {}, 0);
  const auto unscored = std::ssize(input.candidates) - std::ssize(scored_rows(scores, input.candidates));
  if (unscored > 0) {
    log_warning("{} of {} samples of '{}' have no score in '{}' and cannot be chosen", unscored, pool.size(),
                open.path.string(), *asked.scores);
  }
  select_and_write(method, input, source_of(pool), asked, budgets, outputs);
  return 0;
}

/// Rows of a feature file, one a line in order of choice; with a pool, the pool's own objects.
int select_from_features(Bound& bound, const std::vector<Budget>& budgets, const ArtifactCache& cache) {
  const auto choice = take_method(bound);
  if (pipeline::target_from(bound.take_raw("target"), bound.origin)) {
    throw UserError(ErrorKind::kUsage, "'target' needs a model; a feature file holds the vectors of one pool.",
                    "Give model.path and pool.path instead of features, or leave target out.");
  }
  std::optional<pipeline::OpenPool> open;
  if (bound.tree.contains("pool")) open = pipeline::open_pool(bound.take<pipeline::PoolOptions>("pool"), cache);
  const auto asked = bind_options<SelectOptions>(bound.tree, "", bound.origin);
  asked.machine.use();
  if (asked.ranking && !open)
    throw UserError(ErrorKind::kUsage, "'ranking' names samples of a pool, and no pool is given.",
                    "Give pool.path, or leave ranking out.");
  std::vector<fs::path> inputs = {*asked.features};
  if (open) inputs.push_back(open->path);
  const auto outputs = outputs_for(asked, budgets, inputs);
  const auto method = make_vector_method(choice.name, choice.options, "method", bound.origin);
  const auto file = open_feature_file(*asked.features);
  const auto table = open ? table_of(file, *open->pool, asked.ids) : table_of(file);
  const auto rows = open ? rows_of_pool(*open->pool) : RowSet{*asked.features, file.vectors->rows(), file.finite};
  const auto input = open_input(
      method, rows, [&](const FeatureSpec&) { return table; }, static_cast<std::uint64_t>(asked.seed));
  const auto source = open ? source_of(*open->pool) : Source{*asked.features, nullptr, rows.size};
  select_and_write(method, input, source, asked, budgets, outputs);
  return 0;
}

/// Whether an override sets `key` (or a key below it) to something but null.
bool is_given(const Flags& flags, const std::string& key) {
  return std::any_of(flags.overrides.begin(), flags.overrides.end(), [&](const std::string& word) {
    return (word.rfind(key + "=", 0) == 0 || word.rfind(key + ".", 0) == 0) && word != key + "=null";
  });
}

}  // namespace

int run_extract(const Words& words) {
  const Flags flags = parse_flags(words);
  const auto request = request_for(flags, "extract");
  if (const int code =
          answer_questions(flags, request, "scalselect extract model.path=DIR pool.path=POOL.json out=FILE.npz");
      code >= 0)
    return code;
  auto bound = bind_command(flags, "extract");
  const auto model = bound.take<pipeline::ModelOptions>("model");
  const auto pool_options = bound.take<pipeline::PoolOptions>("pool");
  const auto method = take_method(bound);
  const auto asked = bind_options<ExtractOptions>(bound.tree, "", bound.origin);
  asked.machine.use();

  const auto needs = make_method(method.name, method.options, "method", bound.origin).needs;
  if (needs.size() != 1) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("Method '{}' needs {} feature tables; an .npz holds one.", method.name, needs.size()),
                    "Choose a method that ranks one representation, such as method=scalselect.");
  }
  const ArtifactCache cache(asked.cache);
  const auto pool = pipeline::open_pool(pool_options, cache);
  check_outputs({asked.out}, {pool.path});
  const auto bundle = pipeline::ensure_features(needs, pool, model, cache);
  const auto& record = bundle.records.begin()->second;
  const FeatureStore store(record.folder);
  export_representations(store, asked.ids, asked.out);
  fmt::print("{}: {} x {} representations of '{}', {} samples rejected\n", asked.out, store.rows(), store.cols(),
             pool.path.string(), store.rejects().size());
  return 0;
}

int run_score(const Words& words) {
  const Flags flags = parse_flags(words);
  const auto request = request_for(flags, "score");
  if (const int code =
          answer_questions(flags, request, "scalselect score features=FILE.npz out=importance_scores.jsonl");
      code >= 0)
    return code;
  auto bound = bind_command(flags, "score");
  const auto method = take_method(bound);
  const auto asked = bind_options<ScoreOptions>(bound.tree, "", bound.origin);
  asked.machine.use();
  if (method.name != "scalselect") {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("`score` ranks a feature file by leverage; method '{}' does not.", method.name),
                    "Leave method out, or use method=scalselect.");
  }
  const auto options = bind_options<ScalSelectOptions>(method.options, "method", bound.origin);
  check_outputs({asked.out}, {asked.features});
  const auto features = import_representations(asked.features);
  const auto result = score_rows(*features.vectors, options.subspace);
  std::vector<ScoredId> entries;
  for (std::size_t i = 0; i < features.ids.size(); ++i) entries.push_back({features.ids[i], result.scores[i]});
  write_scores(entries, asked.out);
  if (!result.excluded.empty()) log_warning("{} vectors hold NaN or infinity and got no score", result.excluded.size());
  fmt::print("{}: {} scores, k = {} of {} directions hold {:.2f} % of the energy\n", asked.out,
             entries.size() - result.excluded.size(), result.directions, features.vectors->cols(),
             100 * result.energy_kept);
  return 0;
}

int run_select(const Words& words) {
  const Flags flags = parse_flags(words);
  const auto request = request_for(flags, "select");
  if (const int code = answer_questions(
          flags, request,
          "scalselect select (scores=FILE | model.path=DIR) pool.path=POOL.json budget=0.16 out=subset.json\n"
          "scalselect select features=FILE.npz|FILE.npy method=NAME budget=0.16 out=rows.txt");
      code >= 0)
    return code;
  const bool from_scores = is_given(flags, "scores"), from_features = is_given(flags, "features");
  Words not_needed;
  if (from_scores) not_needed = {"model", "method"};
  if (from_features) not_needed = is_given(flags, "pool") ? Words{"model"} : Words{"model", "pool"};
  auto bound = bind_command(flags, "select", not_needed);
  const auto budgets = budgets_from(bound.take_raw("budget"));
  const ArtifactCache cache(bound.tree.value("cache", "cache"));
  if (from_features) return select_from_features(bound, budgets, cache);
  const auto pool = pipeline::open_pool(bound.take<pipeline::PoolOptions>("pool"), cache);
  const auto target_options = pipeline::target_from(bound.take_raw("target"), bound.origin);
  bound.take_raw("selector");
  if (from_scores) return select_from_scores(bind_options<SelectOptions>(bound.tree, "", bound.origin), pool, budgets);

  pipeline::RunConfig config;
  config.model = bound.take<pipeline::ModelOptions>("model");
  const auto method = take_method(bound);
  const auto asked = bind_options<SelectOptions>(bound.tree, "", bound.origin);
  asked.machine.use();
  config.method = method.name;
  config.method_options = method.options;
  config.seed = asked.seed;
  const auto chosen = make_method(method.name, method.options, "method", bound.origin);
  pipeline::check_target(chosen, method.name, target_options.has_value());
  std::optional<pipeline::TargetFeatures> target;
  if (target_options) target = pipeline::TargetFeatures{pipeline::open_pool(*target_options, cache), {}};
  std::vector<fs::path> inputs = {pool.path};
  if (target) inputs.push_back(target->pool.path);
  const auto outputs = outputs_for(asked, budgets, inputs);
  const auto features = pipeline::ensure_features(chosen.needs, pool, config.model, cache);
  if (target) {
    target->features = pipeline::ensure_features(chosen.target_needs, target->pool, config.model, cache, &pool);
  }
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    config.budget = budgets[i];
    const auto output = pipeline::ensure_selection(config, pool, features, target ? &*target : nullptr, cache);
    write_selection(source_of(*pool.pool), output.rows, outputs[i], budgets[i]);
    if (asked.ranking && i + 1 == budgets.size()) {
      Selection selection;
      selection.rows = output.rows;
      selection.scores = pipeline::read_scores_table(output.records.back().folder, pool.pool->size());
      write_ranking_of(*pool.pool, selection, *asked.ranking);
    }
  }
  return 0;
}

}  // namespace scalselect::app
