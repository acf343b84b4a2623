// lmms-eval's data sets in Parquet (golden/make_parquet.py), read as the same benchmarks.
#include "eval/parquet_questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/registry.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using ::testing::HasSubstr;

class ParquetQuestions : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef SCALSELECT_HAS_PARQUET
    GTEST_SKIP() << "built without Arrow";
#endif
  }

  Loaded load(const std::string& kind) const {
    BenchmarkOptions options;
    options.kind = kind;
    options.path = testing::golden("parquet/" + kind);
    options.style = PromptStyle::kLmmsEval;
    return make_benchmark(options)->load_usable((folder_ / "cache").string());
  }

  testing::TempFolder folder_;
};

TEST_F(ParquetQuestions, MmBench) {
  const auto loaded = load("mmbench");
  ASSERT_EQ(loaded.questions.size(), 2u) << "question 7 in both shards";
  EXPECT_EQ(loaded.questions[1].id, "1000007");
  EXPECT_EQ(loaded.questions[1].answers[0], "B");
  EXPECT_EQ(loaded.questions[0].prompt,
            "Q? There are several options:\nA. cat\nB. dog\n\nAnswer with the option's letter from the given choices "
            "directly.");
  ASSERT_EQ(loaded.unusable.size(), 2u);
  EXPECT_EQ(loaded.unusable[1].id, "1000008");
  EXPECT_THAT(loaded.unusable[1].reason, HasSubstr("dev-00001-of-00002.parquet: it has no image"));
}

TEST_F(ParquetQuestions, Mme) {
  const auto loaded = load("mme");
  ASSERT_EQ(loaded.questions.size(), 4u);
  EXPECT_EQ(loaded.questions[3].id, "OCR/2.png#1");
  EXPECT_EQ(loaded.questions[3].group, "OCR/2.png");
  EXPECT_EQ(loaded.questions[1].prompt, "Two? \nAnswer the question using a single word or phrase.")
      << "lmms-eval leaves one of two blanks";
}

TEST_F(ParquetQuestions, Pope) {
  const auto loaded = load("pope");
  ASSERT_EQ(loaded.questions.size(), 3u);
  EXPECT_EQ(loaded.questions[2].id, "popular/1");
  EXPECT_EQ(loaded.questions[0].cluster, loaded.questions[2].cluster) << "the same picture in two splits";
}

TEST_F(ParquetQuestions, Ai2dRefusesAPositionBeyondTheOptions) {
  const auto loaded = load("ai2d");
  ASSERT_EQ(loaded.questions.size(), 1u);
  EXPECT_EQ(loaded.questions[0].answers[0], "B");
  EXPECT_THAT(loaded.unusable.at(0).reason, HasSubstr("its answer '7' is not the 0-based position of one of its 4"));
}

TEST_F(ParquetQuestions, ScienceQaAsksWhatHasAnImage) {
  const auto loaded = load("scienceqa");
  ASSERT_EQ(loaded.questions.size(), 1u);
  EXPECT_TRUE(loaded.unusable.empty());
  EXPECT_EQ(loaded.questions[0].answers[0], "B");
  EXPECT_THAT(loaded.questions[0].prompt, HasSubstr("Context: See.\nWhich?\nA. a\nB. b\n"));
  BenchmarkOptions full;
  full.kind = "scienceqa_full";
  full.path = testing::golden("parquet/scienceqa");
  const auto all = make_benchmark(full)->load_usable((folder_ / "cache").string());
  EXPECT_TRUE(all.unusable.empty());
  ASSERT_EQ(all.questions.size(), 2u);
  EXPECT_TRUE(all.questions[1].images.empty() || all.questions[0].images.empty());
}

TEST_F(ParquetQuestions, OcrBenchListsACutPicture) {
  const auto loaded = load("ocrbench");
  ASSERT_EQ(loaded.questions.size(), 1u);
  EXPECT_EQ(loaded.questions[0].answers, (std::vector<std::string>{"CENTRE", "CENTER"}));
  EXPECT_THAT(loaded.unusable.at(0).reason, HasSubstr("its image cannot be opened"));
}

TEST_F(ParquetQuestions, NamesWhatIsMissing) {
  BenchmarkOptions options;
  options.kind = "mmbench";
  options.path = testing::golden("parquet/ai2d");
  EXPECT_THAT(message_of([&] { make_benchmark(options)->load_usable((folder_ / "cache").string()); }),
              HasSubstr("column 'index' is missing (the file has answer, image, options, question)"));
  folder_.write("two/dev-00000.parquet", "PAR1");
  folder_.write("two/test-00000.parquet", "PAR1");
  EXPECT_THAT(message_of([&] { parquet_files((folder_ / "two").string()); }), HasSubstr("several splits (dev, test)"));
}

}  // namespace
}  // namespace scalselect::eval
