// Models from and to HF folders: config.json and (sharded) safetensors.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "vlm/device.h"
#include "vlm/libtorch.h"
#include "vlm/llava.h"
#include "vlm/vlm.h"

namespace scalselect::vlm {

struct LoadOptions {
  torch::ScalarType dtype = torch::kFloat32;  ///< weights are converted one by one while loading
  torch::Device device = open_device();       ///< of compute_device()
  ModelParts parts;
  /// The type, by shape, of the weights in the linear layers of the decoder's blocks; empty: `dtype`.
  std::function<torch::ScalarType(at::IntArrayRef shape)> block_dtype = {};
  /// Those weights are quantised to NF4 from the checkpoint's own values, one tensor at a time (vlm/nf4.h).
  bool block_nf4 = false;
  bool needed_tower_only = true;  ///< build only the tower blocks that the features need (parts.tower_layers == -1)
};

/// "float32", "bfloat16" or "float16". Throws UserError(kUsage) for another name.
torch::ScalarType weight_dtype(const std::string& name);

/// HF's name in the newest layout for a tensor name in any known one ("language_model.model.layers.0..." ->
/// "model.language_model.layers.0...", "vision_tower..." -> "model.vision_tower...", and so on).
std::string canonical_tensor_name(const std::string& name);

/// Builds the model of `folder`/config.json and fills it, reading only the tensors that `options.parts` need. In
/// evaluation mode, no parameter requires grad. Throws UserError(kInput), naming folder or file, tensor, expected and
/// found shape, for a missing tensor, a wrong shape (before anything is built if a size of config.json is wrong), a
/// dtype that is not supported, weights of NaN or infinity, or an unknown architecture; UserError(kEnvironment) if the
/// weights do not fit into free memory.
Vlm load_vlm(const std::filesystem::path& folder, const LoadOptions& options = {});

/// The same for a folder that must hold a LLaVA model.
LlavaModel load_llava(const std::filesystem::path& folder, const LoadOptions& options = {});

/// Writes config.json and model.safetensors (one file, names of the newest layout, weights as they are or cast to
/// `dtype`). LoRA branches are not written: merge them first. The model must have all its parts. Other files of the
/// folder (tokenizer, preprocessor) are the caller's.
void save_llava(const std::filesystem::path& folder, const LlavaModel& model,
                std::optional<torch::ScalarType> dtype = {});

}  // namespace scalselect::vlm
