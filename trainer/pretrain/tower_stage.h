// The first two stages: the tower learns to classify every patch, the projector to say the result in words.
#pragma once

#include <string>
#include <vector>

#include "trainer/pretrain/mini_model.h"
#include "trainer/pretrain/stream.h"
#include "vlm/libtorch.h"

namespace scalselect::pretrain {

/// A linear read-out of every mini::label_tasks() class from a patch's features; discarded after its stage.
class LabelHeadsImpl : public torch::nn::Module {
 public:
  explicit LabelHeadsImpl(std::int64_t features);

  struct Result {
    torch::Tensor loss;            ///< sum over tasks of the mean cross-entropy
    std::vector<double> accuracy;  ///< by task, over patches whose class is not "none"
  };
  /// features [n, 36, d], labels as from label_tensor. "None" has a small weight: most patches show nothing.
  Result forward(const torch::Tensor& features, const torch::Tensor& labels, bool with_accuracy);

  torch::Tensor weight, bias;  ///< [classes of all tasks, d], [classes]
};
TORCH_MODULE(LabelHeads);

/// Loss of the alignment stage: each patch's projection, times the embedding table, must tell the patch's letter (and
/// the letter as a piece within a word), shape, colour, size, value and position among all words of that kind. A
/// letter that refers to something (a bar, the shape beside it) must tell that thing's attributes as well.
torch::Tensor alignment_loss(const torch::Tensor& projected, const torch::Tensor& embeddings,
                             const std::vector<mini::Scene>& scenes, double* accuracy = nullptr);

}  // namespace scalselect::pretrain
