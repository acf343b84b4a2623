// What the first two stages learn: the tower to say what every patch shows, the projector to say it in words.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "trainer/pretrain/mini_model.h"
#include "trainer/pretrain/stream.h"

namespace scalselect::pretrain {

/// A linear read-out of every mini::label_tasks() class from a patch's features; thrown away after its stage.
class LabelHeadsImpl : public torch::nn::Module {
 public:
  explicit LabelHeadsImpl(std::int64_t features);

  struct Result {
    torch::Tensor loss;            ///< sum over tasks of the mean cross-entropy
    std::vector<double> accuracy;  ///< by task, over patches whose class is not "none"
  };
  /// features [n, 36, d], labels as label_tensor gives them. "None" weighs little: most patches show nothing.
  Result forward(const torch::Tensor& features, const torch::Tensor& labels, bool with_accuracy);

  torch::Tensor weight, bias;  ///< [classes of all tasks, d], [classes]
};
TORCH_MODULE(LabelHeads);

/// Loss of the alignment stage: each patch's projection, times the embedding table, must tell the patch's letter (and
/// the letter as a piece inside of a word), shape, colour, size, value and position among all words of that kind. A
/// letter that stands for something (a bar, the shape beside it) tells that thing's attributes as well.
torch::Tensor alignment_loss(const torch::Tensor& projected, const torch::Tensor& embeddings,
                             const std::vector<mini::Scene>& scenes, double* accuracy = nullptr);

}  // namespace scalselect::pretrain
