// The loss: which tokens count, and that the short cuts change nothing.
#include "trainer/loss.h"

#include <gtest/gtest.h>

#include "tests/trainer/training_test_util.h"

namespace scalselect::trainer {
namespace {

/// Loss and gradients by the plain path: every sample alone, every layer everywhere, all logits.
torch::Tensor plain_loss(vlm::LlavaModel& model, const TrainingSet& set, const std::vector<std::int64_t>& indices,
                         ImageFeatures& features) {
  auto sum = torch::zeros({});
  for (const auto index : indices) {
    const auto& sample = set.samples[index];
    const auto ids = torch::tensor(sample.ids, torch::kInt64).unsqueeze(0);
    auto x = model->embed(ids);
    if (!sample.images.empty()) x = model->merge(x, ids, model->project(features.fetch(sample.images)).rows);
    const auto logs = torch::log_softmax(model->logits(model->decode(x))[0], -1);
    for (std::int64_t t = 1; t < sample.length(); ++t) {
      if (sample.supervised[t]) sum = sum - logs[t - 1][sample.ids[t]];
    }
  }
  return sum;
}

TEST(Loss, EqualsThePlainPathWithGradients) {
  auto model = tiny_model();
  const auto set = synthetic_set(12);
  auto features = synthetic_features(model);
  vlm::AdapterSpec spec;
  spec.target_modules = {"q_proj", "v_proj", "down_proj"};
  vlm::attach_adapter(model, spec);
  std::vector<std::int64_t> indices = {0, 4, 3, 11, 7};
  const auto parameters = model->named_parameters();
  for (const auto& item : parameters) item.value().set_requires_grad(item.key().find("vision") == std::string::npos);

  plain_loss(model, set, indices, features).backward();
  std::map<std::string, torch::Tensor> expected;
  for (const auto& item : parameters) {
    if (!item.value().grad().defined()) continue;
    expected[item.key()] = item.value().grad().clone();
    item.value().mutable_grad().reset();
  }
  const auto plain = plain_loss(model, set, indices, features).item<double>();

  const auto batch = collate(set, indices, 0);
  const auto loss = loss_sum(model, batch, features.fetch(batch.images));
  EXPECT_NEAR(loss.item<double>(), plain, 1e-4 * plain);
  loss.backward();
  for (const auto& [name, gradient] : expected) {
    ASSERT_TRUE(parameters[name].grad().defined()) << name;
    EXPECT_TRUE(torch::allclose(parameters[name].grad(), gradient, 1e-4, 1e-5)) << name;
  }
}

TEST(Loss, AlignmentChangesShapesOnly) {
  auto model = tiny_model();
  const auto set = synthetic_set(12);
  auto features = synthetic_features(model);
  const std::vector<std::int64_t> indices = {0, 4, 3};
  const auto plain = collate(set, indices, 0), aligned = collate(set, indices, 0, 16);
  EXPECT_EQ(aligned.ids.size(1) % 16, 0);
  EXPECT_EQ(aligned.targets.size(0) % 16, 0);
  EXPECT_EQ(aligned.tokens, plain.ids.size(1));
  EXPECT_EQ(aligned.supervised, plain.targets.size(0));
  const auto a = loss_sum(model, plain, features.fetch(plain.images)).item<double>();
  const auto b = loss_sum(model, aligned, features.fetch(aligned.images)).item<double>();
  EXPECT_NEAR(a, b, 1e-4 * a);
}

TEST(Loss, OnlyTokensBeforeTargetsCount) {
  TrainingSet set;
  TrainingSample sample;
  sample.ids = {1, 5, 6, 7, 8, 2};
  sample.supervised = {1, 0, 0, 1, 0, 1};  // the first token has nothing before it
  set.samples = {sample};
  const auto batch = collate(set, std::vector<std::int64_t>{0}, 0);
  EXPECT_EQ(sample.targets(), 2);
  EXPECT_TRUE(torch::equal(batch.rows, torch::tensor({2L, 4L})));
  EXPECT_TRUE(torch::equal(batch.targets, torch::tensor({7L, 2L})));
  EXPECT_EQ(batch.tokens, 6);
}

TEST(Loss, TokensAfterTheLastTargetDoNotMatter) {
  auto model = tiny_model();
  TrainingSet set;
  TrainingSample sample;
  sample.ids = {1, 5, 6, 7};
  sample.supervised = {0, 0, 1, 0};
  set.samples = {sample, sample};
  set.samples[1].ids.back() = 30;
  const auto of = [&](std::int64_t index) {
    return loss_sum(model, collate(set, std::vector<std::int64_t>{index}, 0), {}).item<double>();
  };
  EXPECT_EQ(of(0), of(1));
}

}  // namespace
}  // namespace scalselect::trainer
