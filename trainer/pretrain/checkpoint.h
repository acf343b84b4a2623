// Where a pre-training stands, in one file that is replaced atomically: weights in float32, optimiser, stage and step.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "trainer/pretrain/optimizer.h"

namespace scalselect::pretrain {

struct Progression {
  int stage = 0;          ///< index of the stage at work
  std::int64_t step = 0;  ///< steps of it that are done
  NamedTensors tensors;   ///< weights as "weights.NAME", optimiser as "optimizer.NAME"
};

/// File of the state inside the folder that the model will be written to.
std::filesystem::path state_file(const std::filesystem::path& folder);

/// `options`: dump_options of the run; a state of other options is never continued.
void save_state(const std::filesystem::path& folder, const Progression& state, const nlohmann::json& options);

/// The state left by an interrupted run, or nothing. Throws UserError(kUsage) if that run had other options, naming the
/// first that differs.
std::optional<Progression> load_state(const std::filesystem::path& folder, const nlohmann::json& options);

/// Tensors whose names begin with `prefix`, without it.
NamedTensors with_prefix(const NamedTensors& tensors, const std::string& prefix);

}  // namespace scalselect::pretrain
