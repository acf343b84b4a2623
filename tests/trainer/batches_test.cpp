// Batches: every sample once, seeded, similar in length, addressable.
#include "trainer/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/rng.h"

namespace scalselect::trainer {
namespace {

std::vector<std::int64_t> random_lengths(int count) {
  Rng rng(3, "test/lengths");
  std::vector<std::int64_t> lengths(count);
  for (auto& length : lengths) length = rng.between(40, 200);
  return lengths;
}

/// Padding tokens over real tokens.
double waste(const std::vector<std::vector<std::int64_t>>& batches, const std::vector<std::int64_t>& lengths) {
  double padded = 0, real = 0;
  for (const auto& batch : batches) {
    std::int64_t longest = 0;
    for (const auto index : batch) longest = std::max(longest, lengths[index]), real += lengths[index];
    padded += static_cast<double>(longest * batch.size());
  }
  return padded / real - 1;
}

TEST(Batches, EverySampleOncePerEpoch) {
  const auto lengths = random_lengths(203);
  for (const bool grouped : {false, true}) {
    const auto batches = epoch_batches(lengths, {16, grouped, 1}, 2);
    EXPECT_EQ(batches.size(), 13u);
    std::vector<std::int64_t> seen;
    for (const auto& batch : batches) seen.insert(seen.end(), batch.begin(), batch.end());
    std::sort(seen.begin(), seen.end());
    std::vector<std::int64_t> all(203);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(seen, all);
  }
}

TEST(Batches, GroupingSavesPaddingAndStartsWithTheLongest) {
  const auto lengths = random_lengths(2000);
  const auto grouped = epoch_batches(lengths, {16, true, 1}, 0);
  EXPECT_GT(waste(epoch_batches(lengths, {16, false, 1}, 0), lengths), 0.5);
  EXPECT_LT(waste(grouped, lengths), 0.05);
  const auto longest = std::max_element(lengths.begin(), lengths.end()) - lengths.begin();
  EXPECT_EQ(lengths[grouped[0][0]], lengths[longest]);
}

TEST(Batches, DependOnSeedAndEpochAlone) {
  const auto lengths = random_lengths(100);
  const BatchOptions options{8, true, 4};
  EXPECT_EQ(epoch_batches(lengths, options, 1), epoch_batches(lengths, options, 1));
  EXPECT_NE(epoch_batches(lengths, options, 1), epoch_batches(lengths, options, 2));
  EXPECT_NE(epoch_batches(lengths, options, 1), epoch_batches(lengths, {8, true, 5}, 1));
}

TEST(Batches, StreamGoesOnFromAnyPosition) {
  const auto lengths = random_lengths(50);
  BatchStream whole(lengths, {8, true, 1});
  std::vector<std::vector<std::vector<std::int64_t>>> steps;
  for (int i = 0; i < 12; ++i) {
    BatchStream resumed(lengths, {8, true, 1});
    resumed.seek(whole.epoch(), whole.batch());
    steps.push_back(whole.next(3));
    EXPECT_EQ(resumed.next(3), steps.back()) << i;
  }
  EXPECT_EQ(steps[2].size(), 1u);  // 7 batches per epoch: 3 + 3 + 1
  EXPECT_EQ(steps_per_epoch(50, 8, 3), 3);
}

}  // namespace
}  // namespace scalselect::trainer
