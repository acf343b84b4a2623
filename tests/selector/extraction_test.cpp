#include "selector/extraction.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <map>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "selector/choose.h"
#include "selector/feature_kinds.h"
#include "selector/feature_parts.h"
#include "selector/row_costs.h"
#include "selector/scalselect.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kSize = 30, kWidth = 4, kTokens = 6;

/// A model whose signals are functions of the row.
class FakeProbe final : public FeatureProbe {
 public:
  std::int64_t hidden_size() const override { return kWidth; }
  std::int64_t tower_size() const override { return 3; }
  int num_layers() const override { return 2; }
  void observe(std::span<const Sample> samples, const SignalRequest& request, const SignalSink& sink) override {
    ++calls;
    for (const auto& sample : samples) {
      if (stop_at && sample.row >= *stop_at) throw std::runtime_error("stopped");
      seen.push_back(sample.row);
      sink(signals(sample, request));
    }
  }

  std::optional<std::int64_t> stop_at;
  std::vector<std::int64_t> seen;
  int calls = 0;

 private:
  SampleSignals signals(const Sample& sample, const SignalRequest& request) {
    SampleSignals signals;
    signals.row = sample.row;
    if (sample.images.empty()) {
      signals.reject = "no image";
      return signals;
    }
    const auto row = static_cast<float>(sample.row);
    hidden_.clear();
    attention_.clear();
    for (std::int64_t t = 0; t < kTokens; ++t) {
      attention_.push_back(static_cast<float>((t + sample.row) % kTokens + 1));
      for (std::int64_t j = 0; j < kWidth; ++j)
        hidden_.push_back(std::sin(row * 3 + static_cast<float>(t * kWidth + j)));
    }
    for (std::size_t i = 0; i < request.early.size(); ++i)
      signals.early.push_back({{hidden_.data(), kTokens, kWidth}, attention_});
    for (std::size_t i = 0; i < request.hidden_means.size(); ++i)
      signals.hidden_means.push_back(std::vector<float>(kWidth, row));
    if (request.answer_loss) signals.loss = AnswerLoss{6, 2.5, sample.row == 7 ? 0 : 4, {2, 4}, {1, 3}};
    if (request.lone_loss) signals.lone_loss = AnswerLoss{8, 3, 4, {8}, {4}};
    if (request.token_counts) signals.counts = TokenCounts{1, sample.row, 3, 2, 40};
    return signals;
  }
  std::vector<float> hidden_, attention_;
};

Pool pool_of_thirty() {
  const auto folder = fs::path(::testing::TempDir()) / "extraction_test";
  fs::create_directories(folder);
  std::ofstream out(folder / "pool.jsonl");
  for (int row = 0; row < kSize; ++row) {
    if (row == 11) out << "{\"id\": 11, \"conversations\": []}\n";
    else {
      out << "{\"id\": " << row << (row == 5 ? "" : fmt::format(", \"image\": \"{}.png\"", row / 3))
          << ", \"conversations\": [{\"from\": \"human\", \"value\": \"?\"}]}\n";
    }
  }
  out.close();
  return Pool(folder / "pool.jsonl");
}

fs::path fresh(const std::string& name) {
  const auto folder = fs::path(::testing::TempDir()) / "extraction_test" / name;
  fs::remove_all(folder);
  return folder;
}

ExtractionOptions in_batches_of(std::int64_t samples) {
  ExtractionOptions options;
  options.batch_samples = samples;
  return options;
}

std::vector<float> values_of(const FeatureStore& store) {
  std::vector<float> values(static_cast<std::size_t>(store.rows() * store.cols()));
  store.read(0, store.rows(), values.data());
  return values;
}

TEST(Extraction, OnePassServesEveryone) {
  const auto pool = pool_of_thirty();
  PooledVisualSpec top;
  top.choice = TokenChoice::kTopK;
  top.top_k = 2;
  const std::vector<ExtractionJob> jobs{{PooledVisualSpec{}, fresh("mass")}, {top, fresh("top")},
                                        {HiddenMeanSpec{}, fresh("mean")},   {AnswerLossSpec{}, fresh("loss")},
                                        {TokenCountSpec{}, fresh("counts")}, {AnswerLossSpec{true}, fresh("lone")}};
  std::vector<FeatureSpec> specs;
  for (const auto& job : jobs) specs.push_back(job.spec);
  EXPECT_EQ(request_for(specs).early.size(), 1U) << "the two pooled features share their states";
  FakeProbe probe;
  extract_features(pool, probe, jobs, in_batches_of(8));
  EXPECT_EQ(probe.seen.size(), 29U) << "the empty conversation never reaches the model";
  const FeatureStore mass(jobs[0].folder), loss(jobs[3].folder), counts(jobs[4].folder);
  EXPECT_EQ(mass.rows(), 28);
  ASSERT_EQ(mass.rejects().size(), 2U);
  EXPECT_EQ(mass.rejects()[0].reason, "no image");
  EXPECT_EQ(mass.rejects()[1].reason, "empty conversation");
  EXPECT_EQ(loss.rejects()[1].reason, "no answer token");
  const auto losses = values_of(loss);
  EXPECT_THAT(std::vector<float>(losses.begin(), losses.begin() + 4),
              ElementsAre(6, 4, static_cast<float>((2.0 + 4.0 / 3) / 2), 2.5F));
  const auto lengths = values_of(counts), lone = values_of(FeatureStore(jobs[5].folder));
  EXPECT_THAT(std::vector<float>(lengths.begin() + 5 * 8, lengths.begin() + 5 * 9), ElementsAre(1, 9, 3, 2, 40))
      << "row 5 is missing, so vector 8 is row 9";
  EXPECT_THAT(std::vector<float>(lone.begin(), lone.begin() + 4), ElementsAre(8, 4, 2, 3));

  FakeProbe idle;
  extract_features(pool, idle, jobs);
  EXPECT_EQ(idle.calls, 0);
}

TEST(Extraction, ContinuesWhereItStopped) {
  const auto pool = pool_of_thirty();
  const ExtractionJob whole{PooledVisualSpec{}, fresh("uninterrupted")}, cut{PooledVisualSpec{}, fresh("interrupted")};
  FakeProbe probe;
  extract_features(pool, probe, {&whole, 1});
  FakeProbe failing;
  failing.stop_at = 20;
  EXPECT_THROW(extract_features(pool, failing, {&cut, 1}, in_batches_of(3)), std::runtime_error);
  FakeProbe resumed;
  extract_features(pool, resumed, {&cut, 1}, in_batches_of(5));
  EXPECT_EQ(values_of(FeatureStore(cut.folder)), values_of(FeatureStore(whole.folder)));
}

constexpr std::int64_t kPartRows = 1024;

StoreParts even(const fs::path& store, const Pool& pool) { return {store, even_parts(pool.size(), kPartRows)}; }

/// Rows with a reject at the edges of parts and in their middle.
Pool pool_of_parts(std::int64_t rows) {
  const auto folder = fs::path(::testing::TempDir()) / "extraction_test";
  fs::create_directories(folder);
  std::ofstream out(folder / "parts.jsonl");
  for (std::int64_t row = 0; row < rows; ++row) {
    const bool empty = row % kPartRows == 0 || row % kPartRows == 77;
    out << "{\"id\": " << row << (row % 501 == 5 ? std::string() : fmt::format(", \"image\": \"{}.png\"", row / 3))
        << ", \"conversations\": " << (empty ? "[]" : "[{\"from\": \"human\", \"value\": \"?\"}]") << "}\n";
  }
  out.close();
  return Pool(folder / "parts.jsonl");
}

/// Every file's bytes, by name.
std::map<std::string, std::string> bytes_of(const fs::path& folder) {
  std::map<std::string, std::string> bytes;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes[fs::relative(entry.path(), folder)] = read_file(entry.path());
  }
  return bytes;
}

void extract_part(const Pool& pool, PoolCursor& cursor, const StoreParts& parts, std::int64_t part) {
  FakeProbe probe;
  const ExtractionJob job{PooledVisualSpec{}, parts.folder(part)};
  ExtractionOptions options;
  options.durability = parts.durability(part);
  extract_features(PoolStretch{pool, cursor, parts.first(part), parts.end(part)}, probe, {&job, 1}, options);
  parts.finish(part, {{"by", part}});
}

TEST(Extraction, PartsMakeTheBytesOfAWhole) {
  const auto pool = pool_of_parts(3 * kPartRows + 500);
  const ExtractionJob whole{PooledVisualSpec{}, fresh("whole")};
  FakeProbe probe;
  extract_features(pool, probe, {&whole, 1});
  const auto parts = even(fresh("in_parts"), pool);
  ASSERT_EQ(parts.count(), 4);
  PoolCursor one(pool), other(pool);
  for (const std::int64_t part : {3, 0}) extract_part(pool, one, parts, part);  // one process goes back
  EXPECT_FALSE(parts.finished(1));
  for (const std::int64_t part : {1, 2}) extract_part(pool, other, parts, part);
  EXPECT_EQ(parts.facts(2)["by"], 2);
  parts.join();
  EXPECT_TRUE(parts.finished(1)) << "the store is together";
  EXPECT_EQ(bytes_of(parts.folder(0).parent_path().parent_path()), bytes_of(whole.folder));
}

TEST(Extraction, HoweverTheRowsAreCutTheBytesAreTheSame) {
  const auto pool = pool_of_parts(1300);
  const ExtractionJob whole{PooledVisualSpec{}, fresh("whole")};
  FakeProbe probe;
  extract_features(pool, probe, {&whole, 1});
  for (const int processes : {2, 16}) {
    const auto store = fresh("cut");
    const auto cut = StoreParts::cut(store, pool.size(), [&] { return cut_work(row_costs(pool), {processes}); });
    EXPECT_EQ(StoreParts::cut(store, pool.size(), [] { return std::vector<WorkPart>(); }), cut)
        << "the first one holds";
    const StoreParts parts(store, cut);
    EXPECT_GT(parts.count(), 15 * processes);
    EXPECT_LE(parts.end(parts.count() - 1) - parts.first(parts.count() - 1), 4) << "the last one is short";
    PoolCursor one(pool), other(pool);
    for (std::int64_t part = 0; part < parts.count(); ++part)
      extract_part(pool, part % 3 == 0 ? one : other, parts, part);
    parts.join();
    EXPECT_EQ(bytes_of(store), bytes_of(whole.folder));
  }
}

TEST(Extraction, PartsOfAnotherCutAreNeverTakenForThoseOfThis) {
  const auto pool = pool_of_parts(2 * kPartRows + 300);
  const ExtractionJob whole{PooledVisualSpec{}, fresh("whole")};
  FakeProbe probe;
  extract_features(pool, probe, {&whole, 1});
  const auto store = fresh("other_cut");
  PoolCursor cursor(pool);
  const StoreParts before(store, StoreParts::cut(store, pool.size(), [&] { return even_parts(pool.size(), 100); }));
  for (const std::int64_t part : {0, 3}) extract_part(pool, cursor, before, part);
  fs::remove(store / "parts/cut.json");
  const StoreParts parts(store, StoreParts::cut(store, pool.size(), [&] { return even_parts(pool.size(), 150); }));
  for (std::int64_t part = 0; part < parts.count(); ++part) {
    EXPECT_FALSE(parts.finished(part));
    extract_part(pool, cursor, parts, part);
  }
  parts.join();
  EXPECT_EQ(bytes_of(store), bytes_of(whole.folder));
}

TEST(Extraction, APartThatHoldsOtherRowsIsRefused) {
  const auto pool = pool_of_parts(900);
  const StoreParts parts(fresh("swapped"), even_parts(pool.size(), 300));
  PoolCursor cursor(pool);
  for (const std::int64_t part : {0, 1, 2}) extract_part(pool, cursor, parts, part);
  fs::rename(parts.folder(1), parts.folder(0).parent_path() / "aside");
  fs::rename(parts.folder(2), parts.folder(1));
  fs::rename(parts.folder(0).parent_path() / "aside", parts.folder(2));
  EXPECT_THAT(message_of([&] { parts.join(); }),
              AllOf(HasSubstr("00000300-00000600' does not hold the rows 300 to 599"), HasSubstr("Delete the folder")));
}

TEST(Extraction, APartWhoseLastFileWasLostIsNotFinished) {
  const auto pool = pool_of_parts(600);
  const StoreParts parts(fresh("lost"), even_parts(pool.size(), 300));
  PoolCursor cursor(pool);
  for (const std::int64_t part : {0, 1}) extract_part(pool, cursor, parts, part);
  fs::resize_file(parts.folder(1) / "finished.json", 0);
  EXPECT_TRUE(parts.finished(0));
  EXPECT_FALSE(parts.finished(1));
  EXPECT_TRUE(parts.facts(1).empty());
  extract_part(pool, cursor, parts, 1);
  EXPECT_TRUE(parts.finished(1));
  fs::remove(parts.folder(0) / "manifest.json");
  EXPECT_THAT(message_of([&] { parts.join(); }), HasSubstr("Delete the folder"));
}

TEST(RowCosts, CountPicturesThatTheRowBeforeDoesNotShare) {
  const auto file = fs::path(::testing::TempDir()) / "row_costs.jsonl";
  std::ofstream(file) << R"({"id": 0, "image": "a.png", "conversations": [{"from": "human", "value": "12345678"}]})"
                         "\n"
                      << R"({"id": 1, "image": "a.png", "conversations": [{"from": "human", "value": "1234"}]})"
                         "\n"
                      << R"({"id": 2, "image": ["a.png", "b.png"], "conversations": [{"from": "human", "value": ""}]})"
                         "\n"
                      << R"({"id": 3, "conversations": [{"from": "human", "value": "1234"}]})"
                         "\n"
                      << R"({"id": 4, "conversations": [{"from": "human", "value": "1234"}]})"
                         "\n"
                      << R"({"id": 5, "conversations": []})"
                         "\n";
  const auto costs = row_costs(Pool(file));
  std::vector<float> tokens;
  std::vector<bool> joined;
  for (const auto& item : costs) {
    tokens.push_back(item.cost);
    joined.push_back(item.joined);
  }
  EXPECT_THAT(tokens, ElementsAre(16 + 576 + 2, 16 + 1, 16 + 2 * 576, 17, 17, 16));
  EXPECT_THAT(joined, ElementsAre(false, true, false, false, false, false));
}

TEST(Extraction, AJoinThatWasKilledGoesOn) {
  const auto pool = pool_of_parts(kPartRows + 300);
  const ExtractionJob whole{PooledVisualSpec{}, fresh("whole")};
  FakeProbe probe;
  extract_features(pool, probe, {&whole, 1});
  const auto store = fresh("half_joined");
  const auto parts = even(store, pool);
  PoolCursor cursor(pool);
  for (const std::int64_t part : {0, 1}) extract_part(pool, cursor, parts, part);
  // What the killed join had written: the first blocks.
  FakeProbe half;
  half.stop_at = kPartRows - 200;
  const ExtractionJob cut{PooledVisualSpec{}, store};
  EXPECT_THROW(extract_features(pool, half, {&cut, 1}), std::runtime_error);
  parts.join();
  EXPECT_EQ(bytes_of(store), bytes_of(whole.folder));
}

TEST(Extraction, APartThatIsDamagedIsNamed) {
  const auto pool = pool_of_parts(kPartRows + 300);
  const auto parts = even(fresh("damaged"), pool);
  PoolCursor cursor(pool);
  for (const std::int64_t part : {0, 1}) extract_part(pool, cursor, parts, part);
  fs::resize_file(parts.folder(1) / "shard-00000.bin", 1000);
  EXPECT_THAT(message_of([&] { parts.join(); }), HasSubstr("parts/00001024-00001324"));
}

TEST(ScalSelectMethod, RanksAStoreByLeverage) {
  const auto pool = pool_of_thirty();
  const auto method = make_scalselect();
  const ExtractionJob job{method.needs[0], fresh("ranked")};
  FakeProbe probe;
  extract_features(pool, probe, {&job, 1});
  MethodInput input;
  input.pool_size = kSize;
  input.features.push_back(FeatureStore::table(job.folder));
  input.candidates = input.features[0].rows;
  const auto all = choose(method, input, Count{28}), few = choose(method, input, Count{4});
  EXPECT_EQ(all.scores.size(), 30U);
  EXPECT_TRUE(std::isnan(all.scores[5]));
  EXPECT_TRUE(std::equal(few.rows.begin(), few.rows.end(), all.rows.begin()));
  for (std::size_t i = 1; i < all.rows.size(); ++i) {
    EXPECT_GE(all.scores[static_cast<std::size_t>(all.rows[i - 1])], all.scores[static_cast<std::size_t>(all.rows[i])]);
  }
  EXPECT_GT(all.facts["k"].get<int>(), 0);
}

TEST(ScalSelectMethod, OptionsNameTheFeature) {
  ScalSelectOptions options;
  EXPECT_EQ(feature_name(scalselect_feature(options)),
            "pooled_visual(hidden_layer=1,attention_layer=1,roles=strict,mass=0.9)");
  options.hidden_layer = -1;
  options.roles = TokenRoles::kCompat;
  options.tokens = TokenChoice::kFraction;
  EXPECT_EQ(feature_name(scalselect_feature(options)),
            "pooled_visual(hidden_layer=-1,attention_layer=1,roles=compat,fraction=0.5)");
  options.deepstack = false;
  EXPECT_EQ(feature_name(scalselect_feature(options)),
            "pooled_visual(hidden_layer=-1,attention_layer=1,roles=compat,deepstack=false,fraction=0.5)");
  options.representation = Representation::kTextMean;
  EXPECT_EQ(feature_name(scalselect_feature(options)), "hidden_mean(layer=-1,tokens=text,weights=uniform)");
}

TEST(TopRows, BestFirstTiesByRowNoNan) {
  const double nan = std::nan("");
  const std::vector<double> scores{1, 3, nan, 3, 2};
  EXPECT_THAT(top_rows(scores, {0, 1, 2, 3, 4}, 3), ElementsAre(1, 3, 4));
  EXPECT_THAT(top_rows(scores, {0, 3, 4}, 2), ElementsAre(3, 4));
  EXPECT_THROW(top_rows(scores, {0, 1, 2, 3, 4}, 5), UserError);
}

}  // namespace
}  // namespace scalselect
