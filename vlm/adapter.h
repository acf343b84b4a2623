// LoRA adapters in PEFT's format: adapter_config.json and adapter_model.safetensors or .bin (peft: tuners/lora,
// utils/save_and_load).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "vlm/vlm.h"

namespace scalselect::vlm {

/// The part of PEFT's LoraConfig that is used here.
struct AdapterSpec {
  std::int64_t r = 8;  ///< 0: no branches, only modules_to_save
  double alpha = 8;
  double dropout = 0;
  bool use_rslora = false;
  /// A linear is a target if its full name equals an entry or ends with "." + entry. Used if target_pattern is empty.
  std::vector<std::string> target_modules;
  /// Regular expression (PCRE) that must match the full name.
  std::string target_pattern;
  /// Modules that are never targets (regular expression; PEFT's exclude_modules). Suffixes such as q_proj would
  /// otherwise match the vision tower, which stays frozen.
  std::string exclude_pattern = R"(.*vision_tower\..*)";
  /// Modules trained and stored in full, by suffix: "multi_modal_projector", "embed_tokens", "lm_head".
  std::vector<std::string> modules_to_save;
  std::string base_model;  ///< recorded as base_model_name_or_path

  double scaling() const;  ///< alpha / r, or alpha / sqrt(r)
};

/// Full names ("model.language_model.layers.0.self_attn.q_proj") of the linears that `spec` targets, in model order.
/// Throws UserError(kUsage) for a pattern that is not a regular expression.
std::vector<std::string> adapter_targets(const Vlm& model, const AdapterSpec& spec);

/// Gives every target a branch (A uniform in +-1/sqrt(in) from torch's default generator, B zero; both require grad)
/// and returns the targets' names. A target that has a branch already keeps it: training continues from a loaded
/// adapter. Throws UserError(kUsage) if spec.r > 0 and nothing matches, naming some linears of the model.
std::vector<std::string> attach_adapter(Vlm model, const AdapterSpec& spec);

/// Names of the parameters ("....weight", "....bias") inside of spec.modules_to_save, in model order. Throws
/// UserError(kUsage) for an entry that matches no module.
std::vector<std::string> saved_parameters(const Vlm& model, const AdapterSpec& spec);

/// Adds every branch to its weight and removes the branch.
void merge_adapter(Vlm model);

/// Writes `folder`: branches as float32 under base_model.model.<module>.lora_{A,B}.weight, spec.modules_to_save under
/// base_model.model.<parameter>. PEFT's PeftModel.from_pretrained loads it. Throws UserError(kEnvironment).
void save_adapter(const std::filesystem::path& folder, const Vlm& model, const AdapterSpec& spec);

/// Reads a PEFT folder into `model`: branches attached (rank from the tensors; alpha, alpha_pattern, use_rslora from
/// the config; no gradients), or merged into the weights; modules_to_save overwrite the model's parameters. Accepts the
/// module names of older transformers. Weights for modules that the configuration does not target are left out with a
/// warning, as PEFT leaves them. Throws UserError(kInput), naming the file: not a LoRA adapter, a tensor for a module
/// that the model lacks, a wrong shape, A without B, an unsupported option (vlm/adapter_config.h), no module left.
AdapterSpec load_adapter(const std::filesystem::path& folder, Vlm model, bool merge = false);

}  // namespace scalselect::vlm
