// The gradient of one sample's training loss with respect to chosen parameters, as one vector.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/dataset.h"
#include "vlm/libtorch.h"
#include "vlm/vlm.h"

namespace scalselect::trainer {

class GradientComputer {
 public:
  /// `names`: of parameters of `model` as named_parameters() spells them, differentiated in this order; every other
  /// parameter is frozen. Asserts that they exist.
  GradientComputer(vlm::Vlm model, const std::vector<std::string>& names);

  std::int64_t size() const { return size_; }  ///< total number of scalars
  const std::vector<std::string>& names() const { return names_; }

  /// Writes the gradient of the sample's mean negative log-likelihood over its targets (HF's loss of a batch of one) to
  /// out[0, size()), each tensor row-major, one after another; zeros where the loss does not depend on a parameter.
  /// Returns the loss. `tower`: the tower's output for the sample's images; empty without images. May be called from
  /// several threads at once.
  double compute(const TrainingSample& sample, const vlm::TowerOutput& tower, float* out) const;

 private:
  mutable vlm::Vlm model_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_;
  std::int64_t size_ = 0;
};

/// Adam's moments of the parameters `names`, one vector each, in that order.
struct AdamMoments {
  std::vector<float> first, second;
  bool empty() const { return first.empty(); }
};

/// Reads "first.NAME" and "second.NAME" of every name from a safetensors file, as the trainer's optimiser calls them.
/// Throws UserError(kInput) as SafetensorsFile.
AdamMoments load_moments(const std::filesystem::path& file, const std::vector<std::string>& names);

/// x[j] = (0.9 m + 0.1 x) / sqrt(0.999 v + 0.001 x^2 + 1e-8) at coordinates [first, first + count) of the moments:
/// GradientStep::kAdam.
void adam_step(const AdamMoments& moments, std::int64_t first, std::int64_t count, float* x);

}  // namespace scalselect::trainer
