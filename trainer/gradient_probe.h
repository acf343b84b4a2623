// Gradients of an HF folder's model, sample by sample: core's GradientProbe.
//
// Every sample is a forward and a backward pass of its own, so its bits do not depend on other samples, on how they are
// grouped into calls, or on the number of threads (on the CPU samples run in parallel, each with its own graph).
// Images are shared: the tower runs once per image while its features are kept. Whole gradients are in memory for a
// group of samples at a time (`held_mb`) and sketched block by block; the projection's matrix is never stored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/probes.h"
#include "trainer/gradients.h"
#include "vlm/adapter.h"
#include "vlm/open_model.h"

namespace scalselect::trainer {

/// The weights of which the gradient is computed, and their values.
struct GradientSource {
  /// Branches to attach (r > 0) if there is no adapter to load. Modules that the model keeps frozen are never targets,
  /// whatever exclude_pattern says.
  vlm::AdapterSpec lora;
  std::string full_pattern;       ///< not empty: gradients of the model's own parameters whose whole name it matches
  std::int64_t seed = 0;          ///< of attached branches
  std::filesystem::path adapter;  ///< PEFT folder; with full_pattern it is merged into the weights
  std::filesystem::path moments;  ///< see load_moments; empty: no Adam steps
};

struct GradientProbeOptions {
  std::int64_t held_mb = 1024;         ///< whole gradients in memory at once, MiB (at least one per thread)
  std::int64_t cache_mb = 256;         ///< tower features kept across calls, MiB
  std::int64_t max_length = 2048;      ///< tokens of a sample; the rest is cut off as in training
  vlm::PixelLimits pixels;             ///< see open_model
  std::string chat_template = "auto";  ///< see open_model
};

/// The model of an HF folder. `dtype`: of the frozen weights, see weight_dtype; branches are float32. Throws
/// UserError(kUsage) if a pattern matches nothing, UserError(kInput) as load_vlm, load_adapter and load_moments.
std::unique_ptr<GradientProbe> open_gradient_probe(const std::filesystem::path& folder, const std::string& dtype,
                                                   const GradientSource& source,
                                                   const GradientProbeOptions& options = {});

}  // namespace scalselect::trainer
