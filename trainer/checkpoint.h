// Where a training stands, in one file that is replaced atomically: there is always exactly one whole checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "trainer/adamw.h"

namespace scalselect::trainer {

struct TrainState {
  std::int64_t step = 0;   ///< optimiser steps done
  std::int64_t epoch = 0;  ///< position in the data: BatchStream::seek
  std::int64_t batch = 0;
  /// "weights.NAME", "optimizer.NAME", "random" and "random.cuda" (torch's generators), "history" [steps, fields]
  NamedTensors tensors;
};

/// folder / "train-state.safetensors".
std::filesystem::path state_file(const std::filesystem::path& folder);

/// `identity`: what the run depends on (options, digest of the data); a state of another identity is never continued.
/// Throws UserError(kEnvironment) if the file cannot be written.
void save_state(const std::filesystem::path& folder, const TrainState& state, const nlohmann::json& identity);

/// The state that an earlier process left, or nothing. Throws UserError(kUsage) if it belongs to another identity,
/// naming the first difference; UserError(kInput) if the file is damaged.
std::optional<TrainState> load_state(const std::filesystem::path& folder, const nlohmann::json& identity);

/// The tensor of that name. Asserts that it is there.
const torch::Tensor& find_tensor(const NamedTensors& tensors, const std::string& name);

}  // namespace scalselect::trainer
