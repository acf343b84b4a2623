// The loss behind the head in pieces, against log-softmax of all logits.
#include "trainer/cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/check.h"
#include "trainer/bfloat16.h"
#include "trainer/softmax_kernel.h"

namespace scalselect::trainer {
namespace {

constexpr std::int64_t kRows = 37, kVocabulary = 150, kWidth = 24;

struct Head {
  Head() {
    torch::manual_seed(3);
    states = torch::randn({kRows, kWidth}).requires_grad_();
    weight = torch::randn({kVocabulary, kWidth}).requires_grad_();
    targets = torch::randint(kVocabulary, {kRows}, torch::kInt64);
    for (const std::int64_t row : {0, 16, 17, 36}) targets[row] = kNoTarget;
  }
  torch::Tensor plain() const {
    const auto logs = torch::log_softmax(torch::linear(states, weight), -1, torch::kFloat32);
    return torch::nll_loss(logs, targets, {}, at::Reduction::Sum, kNoTarget);
  }
  torch::Tensor states, weight, targets;
};

struct Found {
  torch::Tensor loss, of_states, of_weight;
};

template <class Loss>
Found differentiate(Head& head, bool half, const Loss& loss_of) {
  Found found;
  {
    const BFloat16Products products(half, torch::kCPU);
    found.loss = loss_of();
  }
  (found.loss / 7).backward();
  for (auto* pair : {&head.states, &head.weight}) {
    (pair == &head.states ? found.of_states : found.of_weight) = pair->grad();
    pair->mutable_grad().reset();
  }
  return found;
}

double distance(const torch::Tensor& a, const torch::Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

class HeadLoss : public testing::TestWithParam<std::tuple<int, bool>> {};
INSTANTIATE_TEST_SUITE_P(RowsAndTypes, HeadLoss,
                         testing::Combine(testing::Values(1, 16, 37, 1000), testing::Values(false, true)));

TEST_P(HeadLoss, EqualsThatOfAllLogits) {
  const auto [rows, half] = GetParam();
  const double tolerance = half ? 1e-2 : 1e-6;
  for (const bool trained : {true, false}) {
    Head head;
    head.weight.requires_grad_(trained);
    const auto plain = differentiate(head, half, [&] { return head.plain(); });
    const auto ours = differentiate(
        head, half, [&, rows = rows] { return head_loss_sum(head.states, head.weight, head.targets, rows); });
    EXPECT_EQ(ours.loss.scalar_type(), torch::kFloat32);
    EXPECT_LT(distance(ours.loss.detach(), plain.loss.detach()), tolerance);
    EXPECT_LT(distance(ours.of_states, plain.of_states), tolerance);
    EXPECT_EQ(ours.of_states[16].abs().max().item<float>(), 0) << "a row without a target";
    ASSERT_EQ(ours.of_weight.defined(), trained);
    if (trained) {
      EXPECT_LT(distance(ours.of_weight, plain.of_weight), tolerance);
    }
  }
}

TEST(HeadLossAlone, FrozenStatesAndNoGraph) {
  Head head;
  const auto expected = head.plain();
  {
    const torch::NoGradGuard no_grad;
    const auto loss = head_loss_sum(head.states, head.weight, head.targets, 8);
    EXPECT_FALSE(loss.requires_grad());
    EXPECT_LT(distance(loss, expected.detach()), 1e-6);
  }
  const auto loss = head_loss_sum(head.states.detach(), head.weight, head.targets, 8);
  loss.backward();
  EXPECT_TRUE(head.weight.grad().defined());
}

TEST(HeadLossAlone, ASecondBackwardPassIsRefused) {
  Head head;
  const auto loss = head_loss_sum(head.states, head.weight, head.targets);
  loss.backward({}, /*retain_graph=*/true);
  EXPECT_THROW(loss.backward(), InternalError);
}

TEST(HeadLossAlone, FarLogitsStayFinite) {
  const auto states = torch::full({1, 1}, 300.0F).requires_grad_();
  const auto weight = torch::tensor({{1.0F}, {-1.0F}});
  const auto loss = head_loss_sum(states, weight, torch::ones({1}, torch::kInt64));
  EXPECT_EQ(loss.item<float>(), 600.0F);
  loss.backward();
  EXPECT_EQ(states.grad().item<float>(), 2.0F);
}

TEST(SoftmaxSlopes, AreTheExactOnes) {
  for (const std::int64_t size : {1, 15, 16, 17, 1000}) {
    for (const float spread : {0.01F, 3.0F, 60.0F}) {
      auto x = torch::randn({size}) * spread;
      const auto exact = x.to(torch::kFloat64);
      const auto target = size / 2;
      auto expected = torch::softmax(exact, 0);
      const auto loss = -torch::log_softmax(exact, 0)[target].item<double>();
      expected[target] -= 1;
      EXPECT_NEAR(softmax_slopes(x.data_ptr<float>(), size, target), loss, 1e-6 * (1 + loss));
      EXPECT_LT((x - expected).abs().max().item<double>(), 3e-7);
      const auto relative = ((x - expected) / expected.abs().clamp_min(1e-30)).abs();
      EXPECT_LT(relative.narrow(0, 0, target).sum().item<double>(), 2e-5 * spread * static_cast<double>(size));
    }
  }
}

TEST(SoftmaxSlopes, ANaNAnywhereShows) {
  for (const std::int64_t at : {0, 20, 33}) {
    auto x = torch::zeros({34});
    x[at] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(softmax_slopes(x.data_ptr<float>(), 34, 3))) << at;
  }
}

}  // namespace
}  // namespace scalselect::trainer
