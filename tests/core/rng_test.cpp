// Numbers that every result rests on: a change here changes them all. Computed by a second implementation in Python.
#include "core/rng.h"

#include <gmock/gmock.h>

#include <numeric>

namespace scalselect {
namespace {

using ::testing::ElementsAre;

template <class Draw>
auto draws(int count, const Draw& draw) {
  std::vector<decltype(draw())> values;
  for (int i = 0; i < count; ++i) values.push_back(draw());
  return values;
}

// The first outputs of xoshiro256** from this state, as its authors' C code and Rust's rand_xoshiro give them.
TEST(Rng, TheEngineIsXoshiro256StarStar) {
  Rng rng(0, "");
  rng.restore({1, 2, 3, 4});
  EXPECT_THAT(draws(5, [&] { return rng.bits(); }),
              ElementsAre(11520, 0, 1509978240, 1215971899390074240, 1216172134540287360));
}

TEST(Rng, SeedAndNameMakeTheStream) {
  Rng shuffle(1, "trainer/shuffle");
  EXPECT_THAT(draws(4, [&] { return shuffle.bits(); }),
              ElementsAre(0xeb839b9d37a13f9d, 0xa71d55788d59f71b, 0x2197698e01465e60, 0xb56f41c70921a15a));
  EXPECT_EQ(Rng(1, "selector/random").bits(), 0xd3ee569c82806a6e);
  EXPECT_EQ(Rng(2, "trainer/shuffle").bits(), 0x581607931f467fed);
  EXPECT_EQ(Rng(~std::uint64_t{0}, "").bits(), 0xd6b40eddb1f7fd61);
}

TEST(Rng, BelowIsPinned) {
  Rng rng(7, "below");
  std::vector<std::uint64_t> values;
  for (const std::uint64_t n :
       {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{10}, std::uint64_t{1000},
        std::uint64_t{1000000000000}, (std::uint64_t{1} << 63) + 1, (std::uint64_t{1} << 63) + 1}) {
    values.push_back(rng.below(n));
  }
  EXPECT_THAT(values, ElementsAre(0, 0, 2, 1, 701, 646519627307, 8321615847285060929, 1100115120714646023));
}

TEST(Rng, FloatsArePinned) {
  Rng uniform(7, "uniform");
  EXPECT_THAT(draws(3, [&] { return uniform.uniform(); }),
              ElementsAre(0x1.630c7e4a4c978p-4, 0x1.54ccc7715a29ap-1, 0x1.4ae9d456195b8p-3));
  Rng normal(7, "normal");
  const double expected[] = {-0.21316314128700461, 0.9229585646231337, 0.13176335425242391, 0.775449392616548};
  for (const double value : expected) EXPECT_DOUBLE_EQ(normal.normal(), value);  // log differs between libraries
}

TEST(Rng, TheOrderOfAShuffleIsPinned) {
  std::vector<int> items(10);
  std::iota(items.begin(), items.end(), 0);
  Rng(7, "shuffle").shuffle(items);
  EXPECT_THAT(items, ElementsAre(4, 2, 5, 6, 0, 1, 8, 3, 7, 9));
}

TEST(Rng, ARestoredStateGoesOn) {
  Rng rng(3, "x");
  rng.bits();
  const auto state = rng.state();
  const auto next = draws(3, [&] { return rng.bits(); });
  Rng other(4, "y");
  other.restore(state);
  EXPECT_EQ(draws(3, [&] { return other.bits(); }), next);
}

TEST(Rng, BetweenHoldsBothEnds) {
  Rng rng(5, "between");
  std::vector<int> seen(4);
  for (int i = 0; i < 400; ++i) {
    const auto value = rng.between(-1, 2);
    ASSERT_TRUE(value >= -1 && value <= 2);
    ++seen[static_cast<std::size_t>(value + 1)];
  }
  for (const int count : seen) EXPECT_GT(count, 60);
}

}  // namespace
}  // namespace scalselect
