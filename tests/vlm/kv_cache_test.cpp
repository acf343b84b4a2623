#include "vlm/kv_cache.h"

#include <gtest/gtest.h>

namespace scalselect::vlm {
namespace {

constexpr std::int64_t kHeads = 6, kKv = 2, kWidth = 8, kPast = 11;

/// A cache of one layer with `rows` rows and `length` positions.
KvCache filled(std::int64_t rows, std::int64_t length) {
  KvCache cache(1);
  cache.append(0, torch::randn({rows, kKv, length, kWidth}), torch::randn({rows, kKv, length, kWidth}));
  cache.advance(length);
  return cache;
}

/// The same attention with the past copied to every row.
torch::Tensor copied(const KvCache& past, const std::vector<std::int64_t>& from, const torch::Tensor& q,
                     const torch::Tensor& k, const torch::Tensor& v, const torch::Tensor& mask) {
  const auto rows = torch::tensor(from, torch::kInt64);
  const auto all = [&](const torch::Tensor& before, const torch::Tensor& own) {
    return torch::cat({before.index_select(0, rows), own}, 2).repeat_interleave(kHeads / kKv, 1);
  };
  const auto whole = torch::cat({torch::zeros({mask.size(0), 1, mask.size(2), kPast}), mask}, 3);
  const auto mixed = at::scaled_dot_product_attention(q, all(past.keys(0), k), all(past.values(0), v), whole);
  return mixed.transpose(1, 2).reshape({q.size(0), q.size(2), -1});
}

TEST(KvCache, ASharedPastIsAttendedToAsIfEveryRowHadIt) {
  torch::manual_seed(1);
  const auto past = std::make_shared<const KvCache>(filled(3, kPast));
  std::vector<std::int64_t> from = {2, 0, 2, 1, 0, 2};
  KvCache cache(past, from);
  auto keep = torch::ones({6, 5}, torch::kInt64);
  keep[1].slice(0, 0, 3).zero_();  // padded on the left
  const auto step = [&](std::int64_t queries) {
    const auto rows = static_cast<std::int64_t>(from.size());
    const auto q = torch::randn({rows, kHeads, queries, kWidth});
    const auto [k, v] =
        cache.append(0, torch::randn({rows, kKv, queries, kWidth}), torch::randn({rows, kKv, queries, kWidth}));
    const auto mask = causal_mask(keep, queries, torch::kFloat32);
    const auto ours = cache.attend(0, q, k, v, mask);
    const auto theirs = copied(*past, from, q, k, v, mask);
    EXPECT_TRUE(torch::allclose(ours, theirs, 1e-5, 1e-6)) << (ours - theirs).abs().max().item<float>();
    cache.advance(queries);
    keep = torch::cat({keep, torch::ones({rows, 1}, torch::kInt64)}, 1);
  };
  step(5);
  step(1);
  // Rows in another order, one twice; row 1 of the past is not used any more, and then only row 2.
  for (const std::vector<std::int64_t>& rows : {std::vector<std::int64_t>{5, 1, 0, 0, 4}, {0, 2, 3}}) {
    const auto kept = torch::tensor(rows, torch::kInt64);
    cache.select_rows(kept);
    keep = keep.index_select(0, kept);
    std::vector<std::int64_t> now;
    for (const auto row : rows) now.push_back(from[static_cast<std::size_t>(row)]);
    from = now;
    step(1);
  }
}

TEST(KvCache, ARowOverASharedPastDoesNotDependOnTheOthers) {
  torch::manual_seed(2);
  const auto past = std::make_shared<const KvCache>(filled(2, 600));
  const auto q = torch::randn({40, kHeads, 1, kWidth}), k = torch::randn({40, kKv, 1, kWidth}),
             v = torch::randn({40, kKv, 1, kWidth});
  const auto result = [&](std::int64_t rows) {
    std::vector<std::int64_t> from(static_cast<std::size_t>(rows), 1);
    for (std::size_t i = 1; i < from.size(); i += 3) from[i] = 0;
    KvCache cache(past, from);
    const auto [keys, values] = cache.append(0, k.narrow(0, 0, rows), v.narrow(0, 0, rows));
    return cache.attend(0, q.narrow(0, 0, rows), keys, values, {});
  };
  const auto all = result(40);
  for (const std::int64_t rows : {1, 2, 7, 25}) EXPECT_TRUE(torch::equal(result(rows), all.narrow(0, 0, rows))) << rows;
}

}  // namespace
}  // namespace scalselect::vlm
