// What `extract`, `score` and `select` share: the method that is asked for, outputs that are checked before any work,
// and the files they write.
#pragma once

#include <filesystem>
#include <vector>

#include "data/subset.h"
#include "experiments/app/bound_command.h"
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

/// The file of each budget's subset; of several, subset.json with budget 0.16 is subset.0.16.json. None of them, nor
/// the ranking, may be an input: throws as check_outputs.
std::vector<std::filesystem::path> outputs_for(const schema::SelectOptions& asked, const std::vector<Budget>& budgets,
                                               const std::vector<std::filesystem::path>& inputs);

/// Writes the chosen rows and says so on standard output: the pool's own objects, or row numbers if `pool` is null.
void write_selection(const RowSet& source, const Pool* pool, const std::vector<std::int64_t>& rows,
                     const std::filesystem::path& file, const Budget& budget, SubsetFormat format);

/// Writes the scored candidates, best first; of a method without scores, the rows that were chosen.
void write_ranking_of(const Pool& pool, const Selection& selection, const std::filesystem::path& file);

/// `select` with a model: scores and choices come from the pipeline's stages. The program without LibTorch becomes the
/// other one instead.
int select_with_model(const Words& words);

}  // namespace scalselect::app
