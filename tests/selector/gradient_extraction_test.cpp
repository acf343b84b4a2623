// Gradients through the planner and the feature store: names, one backward pass for all requests, resuming.
#include <gmock/gmock.h>

#include <fstream>
#include <optional>

#include "selector/extraction.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

constexpr std::int64_t kSize = 25;

/// Gradients that are functions of the row.
class FakeGradients final : public GradientProbe {
 public:
  std::int64_t size() const override { return 1000; }
  void differentiate(std::span<const Sample> samples, const GradientRequest& request,
                     const GradientSink& sink) override {
    requests.push_back(request);
    for (const auto& sample : samples) {
      if (stop_at && sample.row >= *stop_at) throw std::runtime_error("stopped");
      ++seen;
      SampleGradients gradients;
      gradients.row = sample.row;
      if (sample.row == 4) gradients.reject = "no answer to learn";
      else gradients.norm = static_cast<double>(sample.row) + 0.5;
      for (std::size_t s = 0; s < request.sketches.size(); ++s) {
        const auto dim = static_cast<std::size_t>(request.sketches[s].sketch.dim);
        gradients.sketches.emplace_back(dim, static_cast<float>(100 * s) + static_cast<float>(sample.row));
      }
      sink(gradients);
    }
  }

  std::optional<std::int64_t> stop_at;
  std::vector<GradientRequest> requests;
  int seen = 0;
};

class GradientExtraction : public testing::Test {
 protected:
  GradientExtraction() : folder_(fs::path(testing::TempDir()) / "gradient_extraction_test") {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream out(folder_ / "pool.jsonl");
    for (int row = 0; row < kSize; ++row) {
      out << "{\"id\": " << row << ", \"conversations\": ["
          << (row == 9 ? "" : "{\"from\": \"human\", \"value\": \"?\"}") << "]}\n";
    }
  }
  ~GradientExtraction() override { fs::remove_all(folder_); }

  Pool pool() const { return Pool(folder_ / "pool.jsonl"); }
  ExtractionJob job(const FeatureSpec& spec, const std::string& name) const { return {spec, folder_ / name}; }

  fs::path folder_;
};

ProjectedGradientSpec projected(GradientStep step, int dim) {
  return {last_point(GradientOptions{}), {step, {SketchKind::kSparse, dim, 0}}};
}

std::vector<float> values_of(const fs::path& folder) {
  const FeatureStore store(folder);
  std::vector<float> values(static_cast<std::size_t>(store.rows() * store.cols()));
  store.read(0, store.rows(), values.data());
  return values;
}

ExtractionOptions in_batches_of(std::int64_t samples) {
  ExtractionOptions options;
  options.batch_samples = samples;
  return options;
}

TEST_F(GradientExtraction, OneBackwardPassServesEveryone) {
  const std::vector<ExtractionJob> jobs{
      job(projected(GradientStep::kPlain, 4), "plain"), job(projected(GradientStep::kAdam, 5), "adam"),
      job(projected(GradientStep::kPlain, 4), "again"), job(GradientNormSpec{last_point(GradientOptions{})}, "norm")};
  FakeGradients probe;
  extract_gradients(pool(), probe, jobs, in_batches_of(7));
  EXPECT_EQ(probe.seen, kSize - 1) << "the empty conversation never reaches the model";
  EXPECT_EQ(probe.requests.front().sketches.size(), 2U);
  EXPECT_TRUE(probe.requests.front().norm);
  const FeatureStore adam(folder_ / "adam"), norm(folder_ / "norm");
  EXPECT_EQ(adam.cols(), 5);
  EXPECT_EQ(norm.cols(), 1);
  ASSERT_EQ(norm.rejects().size(), 2U);
  EXPECT_EQ(norm.rejects()[0].reason, "no answer to learn");
  EXPECT_EQ(norm.rejects()[1].reason, "empty conversation");
  EXPECT_EQ(norm.spec().precision, StorePrecision::kFloat32);
  EXPECT_EQ(values_of(folder_ / "norm")[4], 5.5F) << "row 4 is missing, so value 4 is row 5";
  EXPECT_EQ(values_of(folder_ / "adam")[0], 100);
  EXPECT_EQ(values_of(folder_ / "again"), values_of(folder_ / "plain"));
}

TEST_F(GradientExtraction, ContinuesWhereItStopped) {
  const auto whole = job(projected(GradientStep::kPlain, 6), "whole"),
             cut = job(projected(GradientStep::kPlain, 6), "cut");
  FakeGradients probe;
  extract_gradients(pool(), probe, {&whole, 1});
  FakeGradients failing;
  failing.stop_at = 17;
  EXPECT_THROW(extract_gradients(pool(), failing, {&cut, 1}, in_batches_of(3)), std::runtime_error);
  FakeGradients resumed;
  extract_gradients(pool(), resumed, {&cut, 1}, in_batches_of(5));
  EXPECT_EQ(values_of(cut.folder), values_of(whole.folder));
  FakeGradients idle;
  extract_gradients(pool(), idle, {&cut, 1});
  EXPECT_EQ(idle.seen, 0);
}

TEST(GradientFeatures, NamesHoldWhatChangesThem) {
  auto spec = projected(GradientStep::kAdam, 64);
  const auto name = feature_name(spec);
  EXPECT_EQ(name,
            R"(gradient(step=adam,sketch=sparse,dim=64,sketch_seed=0,weights=lora,)"
            R"(pattern=.*language_model\..*\.(q_proj|k_proj|v_proj|o_proj),share=0.05,epochs=4,learning_rate=0.0002,)"
            R"(batch_size=32,train_rest=false,rank=16,alpha=32.0,seed=0,epoch=4))");
  spec.point.epoch = 3;
  EXPECT_NE(feature_name(spec), name);
  EXPECT_TRUE(describe_warm_up(spec.point.options) == describe_warm_up(GradientOptions{})) << "one training for both";
  spec.point.options.warm_up.share = 0;
  EXPECT_EQ(last_point(spec.point.options).epoch, 0);
  EXPECT_TRUE(describe_warm_up(spec.point.options).is_null());
  auto other = spec.point;
  other.options.warm_up.learning_rate = 1;  // of a warm-up that there is not
  EXPECT_EQ(describe_point(other), describe_point(spec.point));
  spec.point.options.weights = other.options.weights = GradientWeights::kFull;
  other.options.rank = 4;
  EXPECT_EQ(describe_point(other), describe_point(spec.point)) << "full gradients have no rank";
}

}  // namespace
}  // namespace scalselect
