#include "trainer/pretrain/tower_stage.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>

#include "data/mini/labels.h"
#include "data/mini/lexicon.h"

namespace scalselect::pretrain {

namespace {

constexpr double kNoneWeight = 0.1;

std::int64_t label_classes() {
  std::int64_t total = 0;
  for (const auto& task : mini::label_tasks()) total += task.classes;
  return total;
}

std::int64_t task_index(std::string_view name) {
  const auto& tasks = mini::label_tasks();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i].name == name) return static_cast<std::int64_t>(i);
  }
  throw std::logic_error("no label task " + std::string(name));
}

/// Words of one kind, and the index of the one that each patch shows (-1: none).
struct WordGroup {
  std::vector<std::int64_t> words;  ///< vocabulary ids
  torch::Tensor targets;            ///< int64 [n * 36], index into words
};

template <class Name>
std::vector<std::int64_t> word_ids(int count, Name name) {
  std::vector<std::int64_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back(*mini::piece_id(name(i)));
  return ids;
}

torch::Tensor position_targets(const std::vector<mini::Scene>& scenes) {
  auto targets = torch::empty({static_cast<std::int64_t>(scenes.size()) * mini::kPatches}, torch::kLong);
  auto* out = targets.data_ptr<std::int64_t>();
  for (const auto& scene : scenes) {
    for (int patch = 0; patch < mini::kPatches; ++patch) {
      mini::Item item;
      item.row = patch / mini::kGrid;
      item.col = patch % mini::kGrid;
      const auto word = mini::position_name(scene, item);
      const auto& names = mini::position_names();
      *out++ = std::find(names.begin(), names.end(), word) - names.begin();
    }
  }
  return targets;
}

std::vector<WordGroup> word_groups(const std::vector<mini::Scene>& scenes) {
  const auto labels = label_tensor(scenes);
  const auto of = [&](std::string_view task) { return labels[task_index(task)]; };
  // What the patch shows itself, else what its letter refers to; class 0 ("none") becomes -1.
  const auto either = [&](std::string_view own, std::string_view other) {
    return torch::where(of(own) > 0, of(own), of(other)) - 1;
  };
  const auto inner_letter = torch::where(of("word_index") > 1, of("glyph"), torch::zeros_like(of("glyph"))) - 1;
  const auto letter = [](int i) { return std::string(1, static_cast<char>('a' + i)); };
  return {
      {word_ids(26, letter), either("glyph", "its_letter")},
      {word_ids(26, [&](int i) { return "##" + letter(i); }), inner_letter},
      {word_ids(mini::kShapes, [](int i) { return mini::name(static_cast<mini::Shape>(i)); }),
       either("shape", "its_shape")},
      {word_ids(mini::kColors, [](int i) { return mini::name(static_cast<mini::Color>(i)); }),
       either("color", "its_color")},
      {word_ids(mini::kSizes, [](int i) { return mini::name(static_cast<mini::Size>(i)); }),
       either("size", "its_size")},
      {word_ids(mini::kMaxValue, [](int i) { return std::to_string(i + 1); }), of("value") - 1},
      {word_ids(9, [](int i) { return mini::position_names()[static_cast<std::size_t>(i)]; }),
       position_targets(scenes)},
  };
}

}  // namespace

LabelHeadsImpl::LabelHeadsImpl(std::int64_t features) {
  weight = register_parameter("weight", torch::zeros({label_classes(), features}));
  bias = register_parameter("bias", torch::zeros({label_classes()}));
}

LabelHeadsImpl::Result LabelHeadsImpl::forward(const torch::Tensor& features, const torch::Tensor& labels,
                                               bool with_accuracy) {
  const auto rows = features.reshape({-1, features.size(-1)});
  const auto scores = torch::linear(rows, weight, bias).to(torch::kFloat);
  Result result;
  std::int64_t first = 0;
  const auto& tasks = mini::label_tasks();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const auto own = scores.narrow(1, first, tasks[i].classes);
    const auto target = labels[static_cast<std::int64_t>(i)];
    const bool has_none = tasks[i].name != "cell";
    auto weights = torch::ones({tasks[i].classes});
    if (has_none) weights[0] = kNoneWeight;
    const auto loss = torch::cross_entropy_loss(own, target, weights);
    result.loss = result.loss.defined() ? result.loss + loss : loss;
    if (with_accuracy) {
      const auto counted = has_none ? target > 0 : target >= 0;
      const auto right = (own.argmax(1) == target).logical_and(counted);
      const double total = counted.sum().item<double>();
      result.accuracy.push_back(total > 0 ? right.sum().item<double>() / total : 1.0);
    }
    first += tasks[i].classes;
  }
  return result;
}

torch::Tensor alignment_loss(const torch::Tensor& projected, const torch::Tensor& embeddings,
                             const std::vector<mini::Scene>& scenes, double* accuracy) {
  const auto patches = projected.reshape({-1, projected.size(-1)}).to(torch::kFloat);
  // Root mean square one, as the decoder's norms make it; the scale keeps first scores of order one.
  const auto normed = patches * torch::rsqrt(patches.square().mean(-1, true) + 1e-5);
  const auto scores =
      normed.matmul(embeddings.t()).to(torch::kFloat) / std::sqrt(static_cast<double>(projected.size(-1)));
  torch::Tensor loss;
  double right = 0, total = 0;
  for (const auto& group : word_groups(scenes)) {
    const auto rows = group.targets.ge(0).nonzero().squeeze(1);
    if (rows.size(0) == 0) continue;
    const auto own = scores.index_select(0, rows).index_select(1, torch::tensor(group.words));
    const auto target = group.targets.index_select(0, rows);
    const auto part = torch::cross_entropy_loss(own * 4.0, target);
    loss = loss.defined() ? loss + part : part;
    if (accuracy) {
      right += (own.argmax(1) == target).sum().item<double>();
      total += static_cast<double>(rows.size(0));
    }
  }
  if (accuracy) *accuracy = total > 0 ? right / total : 0;
  return loss;
}

}  // namespace scalselect::pretrain
