// The decoder's training: values of facts, after the keys that name them.
#pragma once

#include <array>
#include <string>

#include "data/mini/facts.h"
#include "trainer/pretrain/packing.h"
#include "vlm/libtorch.h"
#include "vlm/llava.h"

namespace scalselect::pretrain {

/// Logits float32 [P, vocab] of the batch's predicting positions. `features`: the tower's, [B, 36, d].
torch::Tensor fact_logits(vlm::LlavaModel& model, const torch::Tensor& features, const PackedBatch& batch);

/// Right and counted values by fact type, over the steps since the last report.
class FactTally {
 public:
  void add(const PackedBatch& batch, const torch::Tensor& logits);
  /// "shape_color 97 exist 61 ..." in percent; resets the counts.
  std::string report();

 private:
  std::array<double, mini::kFactTypes> right_{}, total_{};
};

}  // namespace scalselect::pretrain
