// extract, score, select: the steps for people who train elsewhere, on their files and the authors'.
#include <fmt/format.h>

#include <cmath>

#include "baselines/feature_file.h"
#include "baselines/registry.h"
#include "core/files.h"
#include "core/log.h"
#include "core/parallel.h"
#include "data/score_file.h"
#include "experiments/app/bound_command.h"
#include "experiments/app/commands.h"
#include "experiments/pipeline/stages.h"
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

struct ExtractWords {
  std::string out, cache;
  IdKind ids = IdKind::kRow;
  pipeline::Machine machine;
  static void describe(OptionBinder& v, ExtractWords& o) {
    v.field("out", o.out, "");
    v.field("cache", o.cache, "");
    v.choice("ids", o.ids, {{"row", IdKind::kRow}, {"id", IdKind::kId}}, "");
    pipeline::Machine::describe(v, o.machine);
  }
};

struct ScoreWords {
  std::string features, out;
  pipeline::Machine machine;
  static void describe(OptionBinder& v, ScoreWords& o) {
    v.field("features", o.features, "");
    v.field("out", o.out, "");
    pipeline::Machine::describe(v, o.machine);
  }
};

struct SelectWords {
  std::optional<std::string> scores, features, ranking;
  std::string out, cache;
  IdKind ids = IdKind::kRow;
  std::int64_t seed = 1;
  pipeline::Machine machine;
  static void describe(OptionBinder& v, SelectWords& o) {
    v.field("scores", o.scores, "");
    v.field("features", o.features, "");
    v.field("ranking", o.ranking, "");
    v.field("out", o.out, "");
    v.field("cache", o.cache, "");
    v.choice("ids", o.ids, {{"row", IdKind::kRow}, {"id", IdKind::kId}}, "");
    v.field("seed", o.seed, "", Range{0, 9e15});
    pipeline::Machine::describe(v, o.machine);
  }
};

std::vector<Budget> budgets_from(const json& value) {
  std::vector<Budget> budgets;
  if (value.is_array()) {
    for (const auto& item : value) budgets.push_back(pipeline::budget_from(item));
  } else if (value.is_string()) {
    budgets = parse_budgets(value.get<std::string>());
  } else {
    budgets.push_back(pipeline::budget_from(value));
  }
  if (budgets.empty())
    throw UserError(ErrorKind::kUsage, "'budget' is an empty list.", "Give at least one share or number.");
  return budgets;
}

/// Throws UserError(kUsage) if an output is one of the inputs.
void spare_inputs(const std::vector<fs::path>& outputs, const std::vector<fs::path>& inputs) {
  for (const auto& out : outputs) {
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
std::vector<fs::path> outputs_for(const SelectWords& asked, const std::vector<Budget>& budgets,
                                  const std::vector<fs::path>& inputs) {
  const fs::path out = asked.out;
  std::vector<fs::path> outputs;
  for (const auto& budget : budgets) {
    const auto name = out.stem().string() + "." + budget.text() + out.extension().string();
    outputs.push_back(budgets.size() == 1 ? out : out.parent_path() / name);
  }
  spare_inputs(outputs, inputs);
  if (asked.ranking) spare_inputs({*asked.ranking}, inputs);
  return outputs;
}

void write_selection(const Pool& pool, const std::vector<std::int64_t>& rows, const fs::path& file,
                     const Budget& budget) {
  write_subset(pool, rows, file);
  fmt::print("{}: {} of {} samples (budget {})\n", file.string(), rows.size(), pool.size(), budget.text());
}

std::vector<std::int64_t> rows_with_score(const std::vector<double>& scores) {
  std::vector<std::int64_t> rows;
  for (std::size_t row = 0; row < scores.size(); ++row) {
    if (!std::isnan(scores[row])) rows.push_back(static_cast<std::int64_t>(row));
  }
  return rows;
}

int select_from_scores(const SelectWords& asked, const pipeline::OpenPool& open, const std::vector<Budget>& budgets) {
  const auto& pool = *open.pool;
  const auto outputs = outputs_for(asked, budgets, {open.path, *asked.scores});
  const auto scores = scores_by_row(read_scores(*asked.scores), pool, asked.ids, *asked.scores);
  const auto candidates = rows_with_score(scores);
  if (static_cast<std::int64_t>(candidates.size()) < pool.size()) {
    log_warning("{} of {} samples of '{}' have no score in '{}' and cannot be chosen",
                pool.size() - static_cast<std::int64_t>(candidates.size()), pool.size(), open.path.string(),
                *asked.scores);
  }
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    const auto count = budgets[i].rows(pool.size(), std::ssize(candidates));
    write_selection(pool, top_rows(scores, candidates, count), outputs[i], budgets[i]);
  }
  if (asked.ranking)
    write_ranking(pool, top_rows(scores, candidates, static_cast<std::int64_t>(candidates.size())), scores,
                  *asked.ranking);
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
  const auto asked = bind_options<SelectWords>(bound.tree, "", bound.origin);
  asked.machine.use();
  if (asked.ranking)
    throw UserError(ErrorKind::kUsage, "'ranking' is not written with 'features'.", "Leave it out; see `score`.");
  std::vector<fs::path> inputs = {*asked.features};
  if (open) inputs.push_back(open->path);
  const auto outputs = outputs_for(asked, budgets, inputs);
  const auto method = make_vector_method(choice.name, choice.options, "method", bound.origin);
  const auto file = open_feature_file(*asked.features);
  std::vector<std::int64_t> row_of;
  if (open) row_of = pool_rows(file, *open->pool, asked.ids);
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    const auto& budget = budgets[i];
    const auto& out = outputs[i];
    auto rows = select_from_file(*method, file, budget, static_cast<std::uint64_t>(asked.seed)).rows;
    if (open) {
      for (auto& row : rows) row = row_of[static_cast<std::size_t>(row)];
      write_selection(*open->pool, rows, out, budget);
    } else {
      write_row_list(rows, out);
      fmt::print("{}: {} of {} rows of '{}' (budget {})\n", out.string(), rows.size(), file.vectors->rows(),
                 file.path.string(), budget.text());
    }
  }
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
  const auto asked = bind_options<ExtractWords>(bound.tree, "", bound.origin);
  asked.machine.use();

  const auto needs = make_method(method.name, method.options, "method", bound.origin)->needs();
  if (needs.size() != 1) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("Method '{}' needs {} feature tables; an .npz holds one.", method.name, needs.size()),
                    "Choose a method that ranks one representation, such as method=scalselect.");
  }
  const ArtifactCache cache(asked.cache);
  const auto pool = pipeline::open_pool(pool_options, cache);
  spare_inputs({asked.out}, {pool.path});
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
  const auto asked = bind_options<ScoreWords>(bound.tree, "", bound.origin);
  asked.machine.use();
  if (method.name != "scalselect") {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("`score` ranks a feature file by leverage; method '{}' does not.", method.name),
                    "Leave method out, or use method=scalselect.");
  }
  const auto options = bind_options<ScalSelectOptions>(method.options, "method", bound.origin);
  spare_inputs({asked.out}, {asked.features});
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
  if (from_scores) return select_from_scores(bind_options<SelectWords>(bound.tree, "", bound.origin), pool, budgets);

  pipeline::RunConfig config;
  config.model = bound.take<pipeline::ModelOptions>("model");
  const auto method = take_method(bound);
  const auto asked = bind_options<SelectWords>(bound.tree, "", bound.origin);
  asked.machine.use();
  config.method = method.name;
  config.method_options = method.options;
  config.seed = asked.seed;
  const auto chosen = make_method(method.name, method.options, "method", bound.origin);
  pipeline::check_target(*chosen, method.name, target_options.has_value());
  std::optional<pipeline::TargetFeatures> target;
  if (target_options) target = pipeline::TargetFeatures{pipeline::open_pool(*target_options, cache), {}};
  std::vector<fs::path> inputs = {pool.path};
  if (target) inputs.push_back(target->pool.path);
  const auto outputs = outputs_for(asked, budgets, inputs);
  const auto features = pipeline::ensure_features(chosen->needs(), pool, config.model, cache);
  if (target) {
    target->features = pipeline::ensure_features(chosen->target_needs(), target->pool, config.model, cache, &pool);
  }
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    config.budget = budgets[i];
    const auto selection = pipeline::ensure_selection(config, pool, features, target ? &*target : nullptr, cache);
    write_selection(*pool.pool, selection.rows, outputs[i], budgets[i]);
    if (asked.ranking && i + 1 == budgets.size()) {
      const auto scores = pipeline::read_scores_table(selection.records.front().folder, pool.pool->size());
      auto ranked = selection.rows;
      if (!scores.empty()) {
        const auto candidates = rows_with_score(scores);
        ranked = top_rows(scores, candidates, static_cast<std::int64_t>(candidates.size()));
      }
      write_ranking(*pool.pool, ranked, scores, *asked.ranking);
    }
  }
  return 0;
}

}  // namespace scalselect::app
