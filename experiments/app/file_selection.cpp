// score, and select from scores, features or a pool alone: what needs files and no model.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unordered_set>

#include "baselines/feature_file.h"
#include "baselines/registry.h"
#include "core/log.h"
#include "core/process_group.h"
#include "data/pool_paths.h"
#include "data/score_file.h"
#include "experiments/app/progress_rows.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/app/trainer_files.h"
#include "experiments/inputs/constraints.h"
#include "experiments/runs/warnings.h"
#include "selector/feature_store.h"
#include "selector/scalselect.h"

namespace scalselect::app {
namespace {

namespace fs = std::filesystem;
using inputs::OpenPool;
using schema::ScoreOptions;

/// Whether a command's configuration, `tree`, has a value at `key` ("/pool/path") that is neither null nor missing
/// (???), however it was given: by an override of any spelling, a file or the environment.
bool is_given(const nlohmann::json& tree, const char* key) {
  const nlohmann::json::json_pointer at(key);
  return tree.contains(at) && !tree[at].is_null() && tree[at] != "???";
}

bool names_pool(const nlohmann::json& tree) {
  return is_given(tree, "/pool/path") || is_given(tree, "/pool/image_root") || is_given(tree, "/pool/world");
}

/// The composed method; nothing if none is named. A missing path is refused when the command is bound.
std::optional<Method> composed_method(const nlohmann::json& tree, const KeyOrigin& origin) {
  auto options = tree.value("method", nlohmann::json());
  if (!options.is_object() || !options.contains("name") || !options["name"].is_string()) return {};
  const auto name = options["name"].get<std::string>();
  options.erase("name");
  return make_method(name, options, "method", origin);
}

/// Keys that a door does without.
Words not_needed(Door door, const nlohmann::json& tree, const KeyOrigin& origin) {
  Words keys;
  if (door != Door::kModel) keys.emplace_back("model");
  if (door == Door::kScores) keys.emplace_back("method");
  if (door == Door::kFeatures && !names_pool(tree)) keys.emplace_back("pool");
  if (door == Door::kScores || is_given(tree, "/budget")) return keys;
  const auto method = composed_method(tree, origin);
  if (method && method->budget_use == BudgetUse::kAll) keys.emplace_back("budget");
  return keys;
}

/// What a command reads, as far as its keys name it.
std::vector<fs::path> files_read(const nlohmann::json& tree) {
  std::vector<fs::path> files;
  const auto add = [&](const nlohmann::json& value) {
    if (!value.is_string()) return;
    const auto path = inputs::find_path(value.get<std::string>());
    files.push_back(path);
    std::error_code unknown;
    if (fs::is_regular_file(path, unknown)) return;
    try {  // a folder or a pattern
      for (const auto& file : pool_files(path.string())) files.push_back(file);
    } catch (const UserError&) {  // said when it is opened
    }
  };
  if (is_given(tree, "/model/path")) {
    std::error_code none;
    for (const auto& file : fs::directory_iterator(inputs::find_path(tree["model"]["path"].get<std::string>()), none))
      files.push_back(file.path());
  }
  for (const char* key :
       {"/pool/path", "/target/path", "/scores", "/features", "/method/path", "/exclude", "/must_keep"}) {
    if (!is_given(tree, key)) continue;
    const auto& value = tree[nlohmann::json::json_pointer(key)];
    add(value);
    for (const auto& part : value.is_array() ? value : nlohmann::json::array())  // a pool of several files
      add(part.is_object() ? part.value("path", nlohmann::json()) : part);
  }
  return files;
}

/// Chooses for each budget, before anything is written: a budget that cannot be met leaves no half of the files behind.
void choose_all(const Method& method, const MethodInput& input, Chosen& chosen) {
  std::optional<SelectionResult> scored;
  if (method.budget_use == BudgetUse::kScores) scored = score_candidates(method, input);
  for (const auto& budget : chosen.budgets) chosen.selections.push_back(choose(method, input, budget, scored));
  chosen.whatever_the_budget = method.budget_use == BudgetUse::kAll;
}

/// The settings that lead to a selection from files again.
void describe(const schema::SelectOptions& asked, const RowSet& rows, const FileDigests& digests,
              pipeline::SelectionRecord& record) {
  if (asked.scores) add_file(record, "scores", *asked.scores, digests);
  if (asked.scores) record.settings["scores"] = *asked.scores;
  if (!asked.features.empty()) {
    const auto files = feature_files(asked.features);
    add_files(record, "features", files, digests);
    auto& named = record.settings["features"];
    if (files.size() == 1) named = files.front().string();
    else
      for (const auto& file : files) named.push_back(file.string());
  }
  if (asked.scores || !asked.features.empty()) record.settings["ids"] = dump_options(asked)["ids"];
  record.settings["seed"] = asked.seed;
  pipeline::add_constraints(record, asked.constraints, rows.constraints, digests);
}

void describe(const MethodChoice& choice, const Method& method, const FileDigests& digests,
              pipeline::SelectionRecord& record) {
  record.settings["method"] = {{"name", choice.name}};
  record.settings["method"].update(find_method(choice.name).resolve(choice.options));
  for (const auto& [option, file] : method.files) add_file(record, "method." + option, file, digests);
}

Chosen choose_from_scores(Bound bound) {
  const auto asked = select_options(bound);
  const ArtifactCache cache(bound.tree.value("cache", "cache"));
  Method method;  // ranks by what the file says
  Chosen chosen;
  chosen.budgets = budgets_of(bound);
  const auto pool_options = bound.take<inputs::PoolOptions>("pool");
  const auto open = inputs::open_pool(pool_options, cache);
  pipeline::Warnings heard;
  const auto& pool = *open.pool;
  const auto known = scores_by_row(read_scores(*asked.scores), pool, asked.ids, *asked.scores);
  std::vector<double> scores(known.size(), std::nan(""));  // of rows that may be chosen
  method.select = [&scores](const MethodInput&, std::int64_t) { return SelectionResult{{}, scores, {}}; };
  chosen.rows = inputs::row_set(open, asked.constraints, cache);
  chosen.pool = open.pool;
  for (const auto& budget : chosen.budgets) check_constraints(method, chosen.rows, budget);
  const auto input = open_input(method, chosen.rows, {}, static_cast<std::uint64_t>(asked.seed));
  for (const auto row : input.candidates) scores[static_cast<std::size_t>(row)] = known[static_cast<std::size_t>(row)];
  const auto unscored = std::ssize(input.candidates) - std::ssize(scored_rows(scores, input.candidates));
  if (unscored > 0) {
    log_warning("{} of {} samples of '{}' have no score in '{}' and are not chosen by it", unscored, pool.size(),
                open.path.string(), *asked.scores);
  }
  choose_all(method, input, chosen);
  const FileDigests digests(cache.root() / "digests");
  chosen.record.settings["pool"] = pipeline::pool_settings(pool_options);
  add_pool(chosen.record, "pool", open, digests);
  describe(asked, chosen.rows, digests, chosen.record);
  chosen.record.warnings = heard.take();
  return chosen;
}

/// A feature file with or without its pool; or a pool alone, for methods that read nothing of a model.
/// Those that the pool itself left out were named when it was read.
void tell_of_rows_without_vector(const OpenPool& open, const FeatureTable& table,
                                 const std::vector<std::string>& files) {
  const std::unordered_set<std::int64_t> known(table.rows.begin(), table.rows.end());
  std::int64_t missing = 0, first = 0;
  for (std::int64_t row = open.pool->size() - 1; row >= 0; --row) {
    if (!open.pool->usable(row) || known.contains(row)) continue;
    ++missing;
    first = row;
  }
  if (missing == 0) return;
  log_warning("{} of {} samples of '{}' have no vector in '{}' and cannot be chosen, the first of them row {}", missing,
              open.pool->size(), open.path.string(), fmt::join(files, "', '"), first);
}

Chosen choose_from_vectors(Bound bound, Door door) {
  const auto asked = select_options(bound);
  asked.machine.use();
  const auto choice = take_method(bound);
  if (inputs::target_from(bound.take_raw("target"), bound.origin) && door == Door::kFeatures) {
    throw UserError(ErrorKind::kUsage, "'target' needs a model; a feature file holds the vectors of one pool.",
                    "Give model.path and pool.path instead of features, or leave target out.");
  }
  const auto method = make_vector_method(choice.name, choice.options, "method", bound.origin);
  Chosen chosen;
  chosen.budgets = budgets_of(bound);
  const ArtifactCache cache(bound.tree.value("cache", "cache"));
  const FileDigests digests(cache.root() / "digests");
  std::optional<OpenPool> open;
  if (bound.tree.contains("pool")) {
    const auto options = bound.take<inputs::PoolOptions>("pool");
    open = inputs::open_pool(options, cache);
    chosen.pool = open->pool;
    chosen.record.settings["pool"] = pipeline::pool_settings(options);
    add_pool(chosen.record, "pool", *open, digests);
  }
  if (asked.ranking && !open)
    throw UserError(ErrorKind::kUsage, "'ranking' names samples of a pool, and no pool is given.",
                    "Give pool.path, or leave ranking out.");
  if (const auto given = constraints_text(asked.constraints); !given.empty() && !open)
    throw UserError(ErrorKind::kUsage,
                    fmt::format("'{}' needs a pool: a feature file says nothing about its rows.", given.substr(1)),
                    "Give pool.path, or leave the constraint out.");
  pipeline::Warnings heard;
  FeatureTable table;
  if (door == Door::kFeatures) {
    const auto file = open_feature_file(feature_files(asked.features));
    table = open ? table_of(file, *open->pool, asked.ids) : table_of(file);
    if (!open) chosen.rows = RowSet{file.path.string(), file.vectors->rows(), file.finite};
  }
  if (open) chosen.rows = inputs::row_set(*open, asked.constraints, cache);
  if (open && door == Door::kFeatures) tell_of_rows_without_vector(*open, table, asked.features);
  for (const auto& budget : chosen.budgets) check_constraints(method, chosen.rows, budget);
  const auto input = open_input(
      method, chosen.rows, [&](const FeatureSpec&) { return table; }, static_cast<std::uint64_t>(asked.seed));
  choose_all(method, input, chosen);
  describe(asked, chosen.rows, digests, chosen.record);
  describe(choice, method, digests, chosen.record);
  chosen.record.warnings = heard.take();
  return chosen;
}

/// With scores no method is asked: one that is named would be ignored.
void refuse_method(const Words& overrides) {
  for (const auto& word : overrides) {
    const auto key = word.substr(std::min(word.find_first_not_of("+~"), word.size()));
    if (!key.starts_with("method=") && !key.starts_with("method.")) continue;
    throw UserError(ErrorKind::kUsage, fmt::format("'{}' has no say where the rows are chosen by scores.", word),
                    "Leave it out, or leave scores out.");
  }
}

}  // namespace

Door door_of(const nlohmann::json& tree, const KeyOrigin& origin) {
  const bool features = is_given(tree, "/features"), scores = is_given(tree, "/scores");
  if (features && scores) {
    throw UserError(ErrorKind::kUsage,
                    "'features' and 'scores' are both given, and the rows can be chosen by one of them.",
                    "Leave one out.");
  }
  if (scores) return Door::kScores;
  if (features) return Door::kFeatures;
  if (is_given(tree, "/model/path")) return Door::kModel;
  const auto method = composed_method(tree, origin);
  return method && method->needs.empty() && method->target_needs.empty() ? Door::kPool : Door::kModel;
}

Chosen choose_from_files(Bound bound, Door door) {
  return door == Door::kScores ? choose_from_scores(std::move(bound)) : choose_from_vectors(std::move(bound), door);
}

int run_score(const Words& words) {
  if (!words.empty() && (words[0] == "part" || words[0] == "merge" || words[0] == "apply"))
    return run_score_verb(words);
  const Flags flags = parse_flags(words);
  const auto request = request_for(flags, "score");
  if (const int code = answer_questions(flags, request,
                                        "scalselect score features=FILE.npz out=importance_scores.jsonl\n"
                                        "scalselect score features='shards/*.npz' out=importance_scores.jsonl");
      code >= 0)
    return code;
  auto bound = bind_command(flags, "score");
  bound.take_raw("model");  // selector=compat sets image bounds there
  const auto method = take_method(bound);
  const auto asked = bind_options<ScoreOptions>(bound.tree, "", bound.origin);
  asked.machine.use();
  if (method.name != "scalselect") {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("`score` ranks a feature file by leverage; method '{}' does not.", method.name),
                    "Leave method out, or use method=scalselect.");
  }
  const auto options = bind_options<ScalSelectOptions>(method.options, "method", bound.origin);
  const auto files = feature_files(asked.features);
  check_outputs({asked.out}, files);
  const auto features = import_representations(files);
  const auto vectors = with_progress(features.vectors, "scoring", features.vectors->rows());
  const auto result = score_rows(*vectors, options.subspace);
  const auto scored = write_vector_scores(features.ids, result.scores, asked.out);
  fmt::print("{}: {} scores, k = {} of {} directions hold {:.2f} % of the energy\n", asked.out, scored,
             result.directions, features.vectors->cols(), 100 * result.energy_kept);
  return 0;
}

int run_select(const Words& words) {
  const Flags flags = parse_flags(words);
  const auto request = request_for(flags, "select");
  if (const int code = answer_questions(
          flags, request,
          "scalselect select (scores=FILE | model.path=DIR) pool.path=POOL.json budget=0.16 out=subset.json\n"
          "scalselect select method=random|ids|full pool.path=POOL.json [budget=0.16] out=subset.json\n"
          "scalselect select features=FILE.npz|FILE.npy|'shards/*.npz' method=NAME budget=0.16 out=rows.txt");
      code >= 0)
    return code;
  const auto composed = config::compose(request);
  const auto tree = composed.json();
  const auto door = door_of(tree, composed.origin());
  if (door == Door::kScores) refuse_method(flags.overrides);
  if (door == Door::kModel) enter_model_program("select", words);
  auto bound = bind_composed(composed, not_needed(door, tree, composed.origin()));
  const auto asked = select_options(bound);
  const auto outputs = outputs_for(asked, budgets_of(bound), files_read(tree));
  const auto handover = trainer_files(asked, tree.value("model", nlohmann::json()));
  if (handover.trainer != nullptr && door == Door::kFeatures && !names_pool(tree))
    throw UserError(ErrorKind::kUsage, "'handover' needs the samples of a pool, and no pool is given.",
                    "Give pool.path, or leave handover out.");
  if (door == Door::kModel && !process_group().leads()) return help_with_model(std::move(bound));
  const auto chosen = choose_by(std::move(bound), door);
  write_chosen(chosen, asked, outputs, words);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    write_trainer_files(handover, chosen.pool.get(), chosen.selections[i].rows, outputs[i]);
  return 0;
}

}  // namespace scalselect::app
