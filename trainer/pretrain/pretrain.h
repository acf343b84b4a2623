// The pre-training command of the mini VLM: from nothing to an HF folder that loads like LLaVA-1.5.
//
// Stages: tower (per-patch labels) -> alignment (projector and embeddings) -> facts without, then with, neutral words.
// No instruction and no question is ever used. Pictures are drawn on the fly; equal options give equal weights on one
// machine with one thread count, interrupted or not.
#pragma once

#include <filesystem>

#include "trainer/pretrain/options.h"
#include "vlm/llava.h"

namespace scalselect::pretrain {

/// File of the state inside the folder that the model is written to.
std::filesystem::path state_file(const std::filesystem::path& folder);

/// Trains and writes `folder`: config.json, generation_config.json, model.safetensors (bfloat16), tokenizer.json,
/// tokenizer_config.json, special_tokens_map.json, preprocessor_config.json, probes.json, README.md. A state file in
/// the folder lets an interrupted call resume; it is removed at the end. Progress goes to the log.
/// `stop_after_steps`: leave after so many optimiser steps of this call, with the state written (0 = never).
/// Returns false if it stopped early. Throws UserError: folder holds the state of other options (kUsage) or a damaged
/// one (kInput), cannot be written (kEnvironment), loss not finite (kDiverged).
bool pretrain_mini_vlm(const std::filesystem::path& folder, const PretrainOptions& options,
                       std::int64_t stop_after_steps = 0);

}  // namespace scalselect::pretrain
