// `select handover=TRAINER`: the files of a trainer elsewhere, beside each subset.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "experiments/handover/trainer.h"
#include "experiments/inputs/pool.h"
#include "experiments/schema/command_options.h"

namespace scalselect::app {

struct TrainerFiles {
  const handover::Trainer* trainer = nullptr;  ///< null: not asked for
  handover::Job job;                           ///< without pool, rows and subset
};

/// What is asked for, before any work is done. `model`: the model group as composed; its path may be missing. Throws
/// UserError(kUsage) for an unknown trainer, and for a model that it has no template for.
TrainerFiles trainer_files(const schema::SelectOptions& asked, const nlohmann::json& model);

/// Writes them for one subset, if they are asked for. `pool` is not null then. Throws UserError(kUsage) if the subset's
/// pictures are in no files.
void write_trainer_files(const TrainerFiles& files, const Pool* pool, std::vector<std::int64_t> rows,
                         const std::filesystem::path& subset);

}  // namespace scalselect::app
