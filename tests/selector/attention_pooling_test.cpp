#include "selector/attention_pooling.h"

#include <gmock/gmock.h>

#include "selector/features.h"

namespace scalselect {
namespace {

using ::testing::ElementsAre;

PooledVisualSpec mass(double share, TokenRoles roles = TokenRoles::kStrict) {
  PooledVisualSpec spec;
  spec.mass = share;
  spec.states.roles = roles;
  return spec;
}

PooledVisualSpec choice(TokenChoice kind, int top_k = 0, double fraction = 0) {
  PooledVisualSpec spec;
  spec.choice = kind;
  spec.top_k = top_k;
  spec.fraction = fraction;
  return spec;
}

TEST(KeptTokens, TheTokenThatCrossesIsKept) {
  const std::vector<float> attention{1, 4, 2, 1};  // shares 1/8, 1/2, 1/4, 1/8
  EXPECT_THAT(kept_tokens(attention, mass(0.4)), ElementsAre(1));
  EXPECT_THAT(kept_tokens(attention, mass(0.5)), ElementsAre(1, 2)) << "0.5 is reached, not exceeded";
  EXPECT_THAT(kept_tokens(attention, mass(0.75)), ElementsAre(1, 2, 0)) << "of two equal tokens the first";
  EXPECT_THAT(kept_tokens(attention, mass(1.0)), ElementsAre(1, 2, 0, 3));
  EXPECT_THAT(kept_tokens(attention, mass(0.0)), ElementsAre(1)) << "at least one";
}

TEST(KeptTokens, TheScaleOfTheAttentionDoesNotMatter) {
  std::vector<float> attention{3e-5F, 8e-5F, 1e-5F, 4e-5F};
  const auto kept = kept_tokens(attention, mass(0.9));
  for (float& value : attention) value *= 1024;
  EXPECT_EQ(kept_tokens(attention, mass(0.9)), kept);
}

TEST(KeptTokens, MoreMassKeepsMoreTokens) {
  std::vector<float> attention;
  for (int i = 0; i < 57; ++i) attention.push_back(static_cast<float>((i * 37) % 57 + 1));
  std::size_t before = 0;
  for (double theta = 0.05; theta < 1.05; theta += 0.05) {
    const auto kept = kept_tokens(attention, mass(theta)).size();
    EXPECT_GE(kept, before);
    before = kept;
  }
  EXPECT_EQ(before, 57U);
}

/// floor(0.9 V) + 1 for every V: with V a multiple of 10 the sum 0.9 is reached exactly, which is not "larger".
TEST(KeptTokens, UniformAttentionIsDefinedToTheToken) {
  for (std::int64_t count = 1; count <= 640; ++count) {
    const auto expected = static_cast<std::size_t>(std::min(count, count * 9 / 10 + 1));
    for (const float value : {0.0F, 1.0F, 0.1F, 1.0F / 576}) {
      const std::vector<float> attention(static_cast<std::size_t>(count), value);
      const auto kept = kept_tokens(attention, mass(0.9));
      ASSERT_EQ(kept.size(), expected) << count << " tokens of " << value;
      EXPECT_EQ(kept.back(), static_cast<std::int32_t>(expected) - 1) << "ties by position";
    }
  }
}

/// Counts that PyTorch 2 gives on a CPU for torch.cumsum(torch.ones(V) / V, 0) > 0.9 (float32).
TEST(KeptTokens, CompatRoundsLikeTheAuthorsScript) {
  EXPECT_EQ(kept_tokens(std::vector<float>(10, 0), mass(0.9, TokenRoles::kCompat)).size(), 9U);
  EXPECT_EQ(kept_tokens(std::vector<float>(576, 0), mass(0.9, TokenRoles::kCompat)).size(), 519U);
}

TEST(KeptTokens, CountsAndFractions) {
  const std::vector<float> attention{1, 4, 2, 1, 3};
  EXPECT_THAT(kept_tokens(attention, choice(TokenChoice::kTopK, 2)), ElementsAre(1, 4));
  EXPECT_EQ(kept_tokens(attention, choice(TokenChoice::kTopK, 99)).size(), 5U);
  EXPECT_THAT(kept_tokens(attention, choice(TokenChoice::kFraction, 0, 0.5)), ElementsAre(1, 4, 2)) << "rounded up";
  EXPECT_EQ(kept_tokens(attention, choice(TokenChoice::kFraction, 0, 0.0)).size(), 1U);
  EXPECT_THAT(kept_tokens(attention, choice(TokenChoice::kAll)), ElementsAre(0, 1, 2, 3, 4));
}

TEST(PoolVisual, AveragesTheKeptStates) {
  const std::vector<float> hidden{1, 2, 3, 4, 100, 200};
  const std::vector<float> attention{5, 5, 0};
  const EarlyStates states{{hidden.data(), 3, 2}, attention};
  EXPECT_THAT(pool_visual(states, mass(0.9)), ElementsAre(2, 3));
  EXPECT_THAT(pool_visual(states, choice(TokenChoice::kTopK, 1)), ElementsAre(1, 2));
}

TEST(FeatureNames, LeaveOutWhatDoesNotMatter) {
  auto spec = mass(0.9);
  EXPECT_EQ(feature_name(spec), "pooled_visual(hidden_layer=1,attention_layer=1,roles=strict,mass=0.9)");
  auto other = spec;
  other.top_k = 7;
  EXPECT_EQ(describe_feature(other), describe_feature(spec));
  other.mass = 0.8;
  EXPECT_NE(describe_feature(other), describe_feature(spec));
  auto all = choice(TokenChoice::kAll);
  const auto text = describe_feature(all).dump();
  all.states.attention_layer = 3;
  EXPECT_EQ(describe_feature(all).dump(), text);
  EXPECT_EQ(feature_name(HiddenMeanSpec{-1, TokenSet::kAll, TokenWeights::kPosition}),
            "hidden_mean(layer=-1,tokens=all,weights=position)");
  EXPECT_EQ(feature_name(TokenCountSpec{}), "lengths");
}

}  // namespace
}  // namespace scalselect
