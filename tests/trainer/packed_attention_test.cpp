// Attention within sequences laid one after another, against softmax under a mask over all of them.
#include "trainer/packed_attention.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/check.h"
#include "trainer/bfloat16.h"

namespace scalselect::trainer {
namespace {

struct Inputs {
  torch::Tensor q, k, v;
  std::vector<torch::Tensor> all() const { return {q, k, v}; }
};

Inputs random_inputs(std::int64_t queries, std::int64_t total, std::int64_t heads, std::int64_t kv) {
  torch::manual_seed(7);
  // In memory as the projections write it.
  const auto one = [](std::int64_t rows, std::int64_t of) {
    return torch::randn({1, rows, of, 8}).transpose(1, 2).detach().requires_grad_();
  };
  return {one(queries, heads), one(total, kv), one(total, kv)};
}

/// allowed bool [P, T].
torch::Tensor masked_attention(const Inputs& in, const torch::Tensor& allowed) {
  const auto group = in.q.size(1) / in.k.size(1);
  const auto k = in.k.repeat_interleave(group, 1), v = in.v.repeat_interleave(group, 1);
  const auto scores = torch::matmul(in.q, k.transpose(2, 3)) / std::sqrt(8.0);
  const auto shares = torch::softmax(scores.masked_fill(allowed.logical_not(), -1e30), -1);
  return torch::matmul(shares, v).transpose(1, 2).flatten(2);
}

void expect_equal(const Inputs& in, const std::function<torch::Tensor()>& ours,
                  const std::function<torch::Tensor()>& plain, double tolerance) {
  std::vector<torch::Tensor> found[2], out;
  for (const auto* run : {&ours, &plain}) {
    out.push_back((*run)().to(torch::kFloat32));
    const auto weights = torch::arange(out.back().numel()).view(out.back().sizes()).to(torch::kFloat32).sin();
    (out.back() * weights).sum().backward();
    for (auto x : in.all()) {
      found[out.size() - 1].push_back(x.grad().clone());
      x.mutable_grad().reset();
    }
  }
  EXPECT_TRUE(torch::allclose(out[0], out[1], tolerance, tolerance));
  for (int i = 0; i < 3; ++i) {
    EXPECT_LT((found[0][i] - found[1][i]).abs().max().item<double>(), tolerance * 10) << "input " << i;
  }
}

torch::Tensor sequence_of_each(const Spans& spans) {
  std::vector<torch::Tensor> parts;
  for (std::int64_t i = 0; i < spans.count(); ++i) parts.push_back(torch::full({spans.length(i)}, i, torch::kInt64));
  return torch::cat(parts);
}

class PackedAttention : public testing::TestWithParam<std::tuple<int, bool>> {};
INSTANTIATE_TEST_SUITE_P(HeadsAndTypes, PackedAttention,
                         testing::Combine(testing::Values(1, 2, 4), testing::Values(false, true)));

TEST_P(PackedAttention, IsThatOfABlockDiagonalMask) {
  const auto [kv, half] = GetParam();
  const Spans spans({0, 1, 20, 23, 323, 340});  // lengths on both sides of kLeastInBFloat16
  const auto in = random_inputs(340, 340, 4, kv);
  const auto of = sequence_of_each(spans);
  const auto allowed = of.unsqueeze(1).eq(of.unsqueeze(0)).logical_and(torch::ones({340, 340}, torch::kBool).tril());
  expect_equal(
      in,
      [&, half = half] {
        const BFloat16Products products(half, torch::kCPU);
        const auto mixed = packed_attention(in.q, in.k, in.v, spans);
        EXPECT_EQ(mixed.scalar_type(), half ? torch::kBFloat16 : torch::kFloat32);
        return mixed;
      },
      [&] { return masked_attention(in, allowed); }, half ? 2e-2 : 1e-5);
}

TEST_P(PackedAttention, OfChosenQueriesIsThatOfTheirRows) {
  const auto [kv, half] = GetParam();
  const Spans spans({0, 5, 8, 308, 310});
  const auto rows = torch::tensor({1L, 4L, 20L, 150L, 307L, 309L, 309L});
  const std::vector<std::int64_t> asked = {0, 2, 2, 5, 7};  // none of the second
  const auto of = sequence_of_each(spans);
  const auto begins = torch::tensor({0L, 5L, 8L, 308L});
  const auto places = rows - begins.index_select(0, of.index_select(0, rows));
  const auto in = random_inputs(7, 310, 4, kv);
  const auto allowed = of.index_select(0, rows)
                           .unsqueeze(1)
                           .eq(of.unsqueeze(0))
                           .logical_and(torch::arange(310).unsqueeze(0).le(rows.unsqueeze(1)));
  expect_equal(
      in,
      [&, half = half] {
        const BFloat16Products products(half, torch::kCPU);
        return packed_attention(in.q, in.k, in.v, spans, asked, places);
      },
      [&] { return masked_attention(in, allowed); }, half ? 2e-2 : 1e-5);
}

TEST(PackedAttentionAlone, SequencesAreNeverEmpty) { EXPECT_THROW(Spans({0, 3, 3}), InternalError); }

}  // namespace
}  // namespace scalselect::trainer
