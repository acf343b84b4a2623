// Our exports: the bytes that the harnesses' own code scored (golden/make_exchange.py), and that their scores are ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "eval/exchange/exports.h"
#include "eval/json_files.h"
#include "tests/eval/exchange_fixtures.h"

namespace scalselect::eval {
namespace {

using testing::exchange;
using testing::harness_scores;
using ::testing::HasSubstr;
using testing::metric;
using testing::StandIn;

constexpr double kDigits = 1e-9;

TEST(ExchangeExport, VlmEvalKitScoresTheTableAsWeDo) {
  for (const auto& [kind, dataset] : {std::pair{"mmbench", "MMBench_DEV_EN"}, {"pope", "POPE"}, {"mme", "MME"}}) {
    StandIn stand_in(kind, std::string(kind) + ".tsv", Matcher::kVk2026);
    const auto ours = stand_in.scores_of(std::string("vlmevalkit_") + kind + ".xlsx", MissingAnswers::kNan);
    stand_in.scores_of(std::string("vlmevalkit_") + kind + ".xlsx");
    EXPECT_EQ(vlmevalkit_table(stand_in.benchmark(), stand_in.predictions()),
              read_file(exchange(std::string("exports/reciter_") + dataset + ".tsv")));
    const auto theirs = harness_scores(std::string("vlmevalkit ") + kind + " export");
    if (kind == std::string("mmbench")) {
      EXPECT_NEAR(metric(ours, "accuracy"), 100 * theirs[0].at("Overall").get<double>(), kDigits);
    } else if (kind == std::string("mme")) {
      EXPECT_NEAR(metric(ours, "perception"), theirs[0].at("perception").get<double>(), kDigits);
      EXPECT_NEAR(metric(ours, "cognition"), theirs[0].at("reasoning").get<double>(), kDigits);
    } else {
      EXPECT_EQ(theirs.size(), 4u);
      for (const auto& row : theirs) {
        const auto split = row.at("split").get<std::string>();
        if (split != "Overall") EXPECT_NEAR(metric(ours, split + "_f1"), row.at("Overall").get<double>(), kDigits);
      }
    }
  }
}

TEST(ExchangeExport, LlavaScoresTheAnswersAsWeDo) {
  StandIn pope("pope", "pope", Matcher::kOfficial);
  const auto ours = pope.scores_of("llava_pope.jsonl");
  EXPECT_EQ(llava_answers(pope.benchmark(), pope.predictions(), "llava_pope.jsonl.predictions"),
            read_file(exchange("exports/llava_pope.jsonl")));
  EXPECT_EQ(llava_questions(pope.benchmark(), pope.predictions()),
            read_file(exchange("exports/llava_pope.questions.jsonl")));
  const auto theirs = harness_scores("llava pope export");
  for (const auto& [split, figures] : theirs.items()) {
    EXPECT_NEAR(metric(ours, split + "_f1"), 100 * figures.at("F1 score").get<double>(), kDigits) << split;
  }
  EXPECT_EQ(theirs, harness_scores("llava pope")) << "the export holds the same answers";
  StandIn science("scienceqa", "scienceqa", Matcher::kOfficial);
  const auto scores = science.scores_of("llava_scienceqa.jsonl");
  EXPECT_NEAR(metric(scores, "accuracy"), harness_scores("llava scienceqa export").at("image_accuracy").get<double>(),
              kDigits);
}

TEST(ExchangeExport, LmmsEvalScoresTheReplayedAnswersAsItsOwn) {
  EXPECT_EQ(harness_scores("lmms-eval pope export"), harness_scores("lmms-eval pope"));
  EXPECT_EQ(harness_scores("lmms-eval scienceqa_img export"), harness_scores("lmms-eval scienceqa_img"));
  StandIn pope("pope", "pope");
  pope.scores_of("lmms_samples_pope.jsonl");
  EXPECT_EQ(lmms_eval_log(pope.benchmark(), pope.predictions(), "pope", "lmms_samples_pope.jsonl.predictions", nullptr),
            read_file(exchange("exports/lmms_pope.json")));
}

/// Its documents may stand in another order: samples of any model say where.
TEST(ExchangeExport, PositionsCanBeThoseOfLmmsEvalsSamples) {
  StandIn mme("mme", "mme.tsv");
  auto questions = mme.questions();
  for (auto& question : questions) {
    question.id = "x" + question.id;
    question.group = question.group.substr(question.group.find('/') + 1);
  }
  const auto samples = read_answers(exchange("lmms_samples_mme.jsonl"));
  std::vector<Prediction> predictions;
  for (const auto& question : questions) predictions.push_back({question, "said of " + question.id});
  const auto log = nlohmann::json::parse(lmms_eval_log(mme.benchmark(), predictions, "mme", "m", &samples));
  ASSERT_EQ(log.at("logs").size(), questions.size());
  std::set<std::int64_t> places;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto place = log["logs"][i].at("doc_id").get<std::int64_t>();
    places.insert(place);
    const auto& asked = questions[i].question;
    EXPECT_THAT(samples.answers[static_cast<std::size_t>(place)].prompt, HasSubstr(asked.substr(0, asked.find('?'))));
  }
  EXPECT_EQ(places.size(), questions.size());
  auto few = samples;
  few.answers.resize(few.answers.size() - 4);
  EXPECT_THAT(message_of([&] { lmms_eval_log(mme.benchmark(), predictions, "mme", "m", &few); }),
              HasSubstr("lmms_samples_mme.jsonl: has no sample of question 'x"));
}

TEST(ExchangeExport, WithoutVlmEvalKitsFileItsColumnsAreMade) {
  StandIn pope("pope", "pope");
  pope.scores_of("llava_pope.jsonl");
  const auto table = vlmevalkit_table(pope.benchmark(), pope.predictions());
  EXPECT_THAT(
      table, ::testing::StartsWith("\"index\"\t\"question\"\t\"answer\"\t\"category\"\t\"image_path\"\t\"prediction\"\n"
                                   "\"0\"\t\"Is there a dog in the image?\"\t\"Yes\"\t\"adversarial\"\t"
                                   "\"COCO_val2014_000000000000.jpg\"\t"));
  auto options = StandIn("mmbench", "mmbench.tsv").benchmark().options();
  StandIn mmbench("mmbench", "mmbench.tsv");
  mmbench.scores_of("vlmevalkit_mmbench.xlsx");
  options.path.clear();
  const auto made = vlmevalkit_table(*make_benchmark(options), mmbench.predictions());
  const auto again = mmbench.folder().write("reciter.tsv", made);
  const auto joined = read_answers(again);
  EXPECT_EQ(joined.answers.size(), mmbench.questions().size());
  EXPECT_EQ(join_answers(mmbench.benchmark(), mmbench.loaded(), joined).unanswered.size(), 0u);
}

TEST(ExchangeExport, TheFileMustHoldTheAnsweredQuestions) {
  StandIn pope("pope", "pope.tsv"), mme("mme", "mme.tsv");
  mme.scores_of("vlmevalkit_mme.xlsx");
  EXPECT_THAT(message_of([&] { vlmevalkit_table(pope.benchmark(), mme.predictions()); }),
              HasSubstr("pope.tsv: has 24 of the 56 answered questions of 'pope'"));
}

TEST(ExchangeExport, RowsWithoutAnAnswerAreNamed) {
  StandIn pope("pope", "pope.tsv");
  pope.scores_of("vlmevalkit_pope.xlsx");
  auto few = pope.predictions();
  EXPECT_TRUE(unanswered_rows(pope.benchmark(), few).empty());
  few.pop_back();
  EXPECT_THAT(unanswered_rows(pope.benchmark(), few), ::testing::ElementsAre(pope.questions().back().id));
}

TEST(ExchangeExport, AnswersThatReadAsMissingAreCounted) {
  StandIn mmbench("mmbench", "mmbench.tsv");
  mmbench.scores_of("vlmevalkit_mmbench.xlsx");
  EXPECT_EQ(read_as_missing(mmbench.predictions()), 4u) << "an empty one, None, nan, N/A";
}

}  // namespace
}  // namespace scalselect::eval
