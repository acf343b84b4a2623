// score, and select from scores or features: what needs files alone, and no model.
#include <fmt/format.h>

#include <cmath>

#include "baselines/feature_file.h"
#include "baselines/registry.h"
#include "core/log.h"
#include "data/score_file.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/app/trainer_files.h"
#include "experiments/inputs/constraints.h"
#include "selector/feature_store.h"
#include "selector/scalselect.h"

namespace scalselect::app {
namespace {

namespace fs = std::filesystem;
using inputs::OpenPool;
using schema::ScoreOptions;
using schema::SelectOptions;

/// Whether a command's configuration, `tree`, has a value at `key` ("/pool/path") that is neither null nor missing
/// (???), however it was given: by an override of any spelling, a file or the environment.
bool is_given(const nlohmann::json& tree, const char* key) {
  const nlohmann::json::json_pointer at(key);
  return tree.contains(at) && !tree[at].is_null() && tree[at] != "???";
}

/// Chooses for each budget, then writes: a budget that cannot be met leaves no half of the files behind. `open`: null
/// for a table without its pool.
void select_and_write(const Method& method, const MethodInput& input, const RowSet& source, const OpenPool* open,
                      const SelectOptions& asked, const TrainerFiles& handover, const std::vector<Budget>& budgets,
                      const std::vector<fs::path>& outputs) {
  const Pool* pool = open != nullptr ? open->pool.get() : nullptr;
  std::optional<SelectionResult> scored;
  if (method.budget_use == BudgetUse::kScores) scored = score_candidates(method, input);
  std::vector<Selection> selections;
  for (const auto& budget : budgets) selections.push_back(choose(method, input, budget, scored));
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    write_selection(source, pool, selections[i].rows, outputs[i], budgets[i]);
    write_trainer_files(handover, open, selections[i].rows, outputs[i]);
  }
  if (asked.ranking) write_ranking_of(*pool, selections.back(), *asked.ranking);
}

int select_from_scores(Bound bound, const nlohmann::json& model) {
  const auto budgets = budgets_from(bound.take_raw("budget"));
  const ArtifactCache cache(bound.tree.value("cache", "cache"));
  const auto open = inputs::open_pool(bound.take<inputs::PoolOptions>("pool"), cache);
  for (const char* unused : {"target", "selector"}) bound.take_raw(unused);
  const auto asked = bind_options<SelectOptions>(bound.tree, "", bound.origin);
  const auto outputs = outputs_for(asked, budgets, {open.path, *asked.scores});
  const auto handover = trainer_files(asked, model);
  const auto& pool = *open.pool;
  const auto known = scores_by_row(read_scores(*asked.scores), pool, asked.ids, *asked.scores);
  std::vector<double> scores(known.size(), std::nan(""));  // of rows that may be chosen
  Method method;                                           // ranks by what the file says
  method.select = [&scores](const MethodInput&, std::int64_t) { return SelectionResult{{}, scores, {}}; };
  const auto rows = inputs::row_set(open, asked.constraints, cache);
  for (const auto& budget : budgets) check_constraints(method, rows, budget);
  const auto input = open_input(method, rows, {}, static_cast<std::uint64_t>(asked.seed));
  for (const auto row : input.candidates) scores[static_cast<std::size_t>(row)] = known[static_cast<std::size_t>(row)];
  const auto unscored = std::ssize(input.candidates) - std::ssize(scored_rows(scores, input.candidates));
  if (unscored > 0) {
    log_warning("{} of {} samples of '{}' have no score in '{}' and cannot be chosen", unscored, pool.size(),
                open.path.string(), *asked.scores);
  }
  select_and_write(method, input, rows, &open, asked, handover, budgets, outputs);
  return 0;
}

/// Rows of a feature file, one per line in order of choice; with a pool, the pool's own objects.
int select_from_features(Bound bound, const nlohmann::json& model) {
  const auto budgets = budgets_from(bound.take_raw("budget"));
  const auto choice = take_method(bound);
  if (inputs::target_from(bound.take_raw("target"), bound.origin)) {
    throw UserError(ErrorKind::kUsage, "'target' needs a model; a feature file holds the vectors of one pool.",
                    "Give model.path and pool.path instead of features, or leave target out.");
  }
  const ArtifactCache cache(bound.tree.value("cache", "cache"));
  std::optional<OpenPool> open;
  if (bound.tree.contains("pool")) {
    open = inputs::open_pool(bound.take<inputs::PoolOptions>("pool"), cache);
  }
  const auto asked = bind_options<SelectOptions>(bound.tree, "", bound.origin);
  asked.machine.use();
  if (asked.ranking && !open)
    throw UserError(ErrorKind::kUsage, "'ranking' names samples of a pool, and no pool is given.",
                    "Give pool.path, or leave ranking out.");
  if (const auto given = constraints_text(asked.constraints); !given.empty() && !open)
    throw UserError(ErrorKind::kUsage,
                    fmt::format("'{}' needs a pool: a feature file says nothing about its rows.", given.substr(1)),
                    "Give pool.path, or leave the constraint out.");
  const auto handover = trainer_files(asked, model);
  if (handover.trainer != nullptr && !open)
    throw UserError(ErrorKind::kUsage, "'handover' needs the samples of a pool, and no pool is given.",
                    "Give pool.path, or leave handover out.");
  std::vector<fs::path> files = {*asked.features};
  if (open) files.push_back(open->path);
  const auto outputs = outputs_for(asked, budgets, files);
  const auto method = make_vector_method(choice.name, choice.options, "method", bound.origin);
  const auto file = open_feature_file(*asked.features);
  const auto table = open ? table_of(file, *open->pool, asked.ids) : table_of(file);
  const auto rows = open ? inputs::row_set(*open, asked.constraints, cache)
                         : RowSet{*asked.features, file.vectors->rows(), file.finite};
  for (const auto& budget : budgets) check_constraints(method, rows, budget);
  const auto input = open_input(
      method, rows, [&](const FeatureSpec&) { return table; }, static_cast<std::uint64_t>(asked.seed));
  select_and_write(method, input, rows, open ? &*open : nullptr, asked, handover, budgets, outputs);
  return 0;
}

}  // namespace

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
  const auto composed = config::compose(request);
  const auto tree = composed.json();
  const bool features = is_given(tree, "/features"), scores = is_given(tree, "/scores");
  if (features && scores) {
    throw UserError(ErrorKind::kUsage,
                    "'features' and 'scores' are both given, and the rows can be chosen by one of them.",
                    "Leave one out.");
  }
  const auto model = tree.value("model", nlohmann::json());
  if (scores) return select_from_scores(bind_composed(composed, {"model", "method"}), model);
  if (features) {
    const bool pool =
        is_given(tree, "/pool/path") || is_given(tree, "/pool/image_root") || is_given(tree, "/pool/world");
    return select_from_features(bind_composed(composed, pool ? Words{"model"} : Words{"model", "pool"}), model);
  }
  return select_with_model(words);
}

}  // namespace scalselect::app
