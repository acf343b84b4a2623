#include "experiments/runs/passes.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/files.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;

/// Adds a table of `rows` rows for `spec`.
void add(FeatureBundle& bundle, const FeatureSpec& spec, std::size_t rows) {
  FeatureTable table;
  table.rows.resize(rows);
  std::iota(table.rows.begin(), table.rows.end(), 0);
  bundle.tables[describe_feature(spec).dump()] = table;
}

FeatureSpec gradient_after(int epoch, GradientOptions options = {}) {
  GradientNormSpec spec;
  spec.point.options = options;
  spec.point.epoch = epoch;
  return spec;
}

TEST(Passes, FeaturesOfOneForwardPassAreCountedOnce) {
  const FeatureSpec pooled = PooledVisualSpec{}, tower = TowerMeanSpec{}, counts = TokenCountSpec{};
  FeatureBundle bundle;
  add(bundle, pooled, 90);
  add(bundle, tower, 100);
  add(bundle, counts, 110);
  PassCounter both, tokens;
  both.add({pooled, tower, counts}, bundle);
  EXPECT_EQ(both.forward(), 100);  // the longest; counting tokens takes no model
  EXPECT_EQ(both.backward(), 0);
  tokens.add({counts}, bundle);
  EXPECT_EQ(tokens.forward(), 0);
}

TEST(Passes, EveryStateAtWhichGradientsAreTakenIsAPass) {
  GradientOptions plain;
  plain.warm_up.share = 0;
  GradientOptions other = plain;
  other.rank = 4;
  const FeatureSpec norm = gradient_after(0, plain), elsewhere = gradient_after(0, other);
  ProjectedGradientSpec sketch;
  sketch.point = *gradient_point(norm);
  FeatureBundle bundle;
  add(bundle, norm, 40);
  add(bundle, sketch, 50);
  add(bundle, elsewhere, 30);
  PassCounter passes;
  passes.add({norm, sketch, elsewhere}, bundle);
  EXPECT_EQ(passes.forward(), 50 + 30);
  EXPECT_EQ(passes.backward(), 50 + 30);
}

TEST(Passes, AWarmUpCountsOnceForAllEpochsAndPools) {
  GradientOptions options;
  options.warm_up.epochs = 3;
  const auto folder = fs::temp_directory_path() / "warm_up";
  write_file_atomically(folder / "rows.txt", "4\n7\n");
  FeatureBundle pool, target;
  for (const int epoch : {1, 2}) {
    const auto spec = gradient_after(epoch, options);
    for (auto* bundle : {&pool, &target}) {
      add(*bundle, spec, bundle == &pool ? 10 : 5);
      bundle->warm_ups[describe_feature(spec).dump()] = {{"warm_up", "key", false, 0, 0, 0}, folder};
    }
  }
  PassCounter passes;
  passes.add({gradient_after(1, options), gradient_after(2, options)}, pool);
  passes.add({gradient_after(1, options), gradient_after(2, options)}, target);
  EXPECT_EQ(passes.forward(), 3 * 2 + 2 * 10 + 2 * 5);
  EXPECT_EQ(passes.backward(), passes.forward());
}

}  // namespace
}  // namespace scalselect::pipeline
