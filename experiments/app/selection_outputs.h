// What `extract`, `score` and `select` share: the method that is asked for, outputs that are checked before any work,
// and the files they write.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/subset.h"
#include "experiments/app/bound_command.h"
#include "experiments/runs/manifest.h"
#include "experiments/schema/command_options.h"
#include "selector/budget.h"
#include "selector/choose.h"

namespace scalselect::app {

struct MethodChoice {
  std::string name;
  nlohmann::json options;
};

/// The method group of a composed command. Throws UserError(kUsage) if it names no method.
MethodChoice take_method(Bound& bound);

/// Throws UserError before any work is done: kUsage if an output is one of the inputs, kEnvironment if it cannot be
/// written.
void check_outputs(const std::vector<std::filesystem::path>& outputs, const std::vector<std::filesystem::path>& inputs);

/// Warns of the vectors at these positions, if there are any: "3 vectors hold NaN or infinity and WHAT: 'a', 'b', 'c'".
void warn_of_excluded(std::span<const std::string> ids, std::span<const std::int64_t> positions, const char* what);

/// Writes the scores of a feature file's rows, and warns of those that have none (NaN); returns how many have one.
std::int64_t write_vector_scores(std::span<const std::string> ids, std::span<const double> scores,
                                 const std::filesystem::path& out);

/// The keys of `select` other than its groups and its budget. Throws UserError(kUsage) as bind_options.
schema::SelectOptions select_options(const Bound& bound);

/// `budget` of `select`; the whole pool where a method that takes all it can leaves it out.
std::vector<Budget> budgets_of(const Bound& bound);

/// The file of each budget's subset; of several, subset.json with budget 0.16 is subset.0.16.json. None of them, nor
/// their manifests or the ranking, may be an input: throws as check_outputs.
std::vector<std::filesystem::path> outputs_for(const schema::SelectOptions& asked, const std::vector<Budget>& budgets,
                                               const std::vector<std::filesystem::path>& inputs);

/// What `select` chose; nothing is written yet.
struct Chosen {
  std::vector<Budget> budgets;
  std::vector<Selection> selections;  ///< parallel to budgets
  RowSet rows;                        ///< what was chosen from
  std::shared_ptr<const Pool> pool;   ///< null: rows of a table without its pool
  bool whatever_the_budget = false;
  pipeline::SelectionRecord record;  ///< its settings lack the budget
};

/// What a selection is made from.
enum class Door { kScores, kFeatures, kModel, kPool };

/// The door of a composed command or of a manifest's settings. Throws UserError(kUsage) if two are open, and as
/// make_method.
Door door_of(const nlohmann::json& settings, const KeyOrigin& origin = {});

/// Chooses from files alone: by any door but kModel.
Chosen choose_from_files(Bound bound, Door door);

/// The program without LibTorch becomes the other one and runs `command` with `words`; the other goes on.
void enter_model_program(const char* command, const Words& words);

/// Chooses with a model, by the pipeline's stages: after enter_model_program.
Chosen choose_with_model(Bound bound);

/// The same by any door.
Chosen choose_by(Bound bound, Door door);

/// What a process that does not lead its group (core/process_group.h) does of `select` with a model: its share of the
/// extraction. Returns the exit code.
int help_with_model(Bound bound);

/// Writes each subset with its manifest, and says so on standard output: the pool's own objects, or row numbers.
void write_chosen(const Chosen& chosen, const schema::SelectOptions& asked,
                  const std::vector<std::filesystem::path>& outputs, const Words& words);

}  // namespace scalselect::app
