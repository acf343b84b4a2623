// The scores that harnesses wrote beside the answers, and ours of the same answers (golden/make_lmms_eval.py and
// make_exchange.py). With SCALSELECT_IMPORTED=FILE the table of results/eval/ is written there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "eval/exchange/own_scores.h"
#include "eval/json_files.h"
#include "tests/eval/exchange_fixtures.h"

namespace scalselect::eval {
namespace {

using ::testing::ElementsAre;
using testing::exchange;
using ::testing::HasSubstr;
using testing::metric;

constexpr double kDigits = 1e-9;

/// A task of lmms-eval, the benchmark that it asks, and its scores beside our metrics with their factors.
struct Task {
  const char* name;
  const char* kind;
  const char* path;
  struct Pair {
    const char* theirs;
    const char* ours;
    double factor;
  };
  std::vector<Pair> scores;
  bool by_answer = true;  ///< whether the samples have a score each
};

void PrintTo(const Task& task, std::ostream* out) { *out << task.name; }  // NOLINT: googletest's name

const std::vector<Task>& tasks() {
  static const std::vector<Task> all = {
      {"ai2d", "ai2d", "lmms_eval/ai2d.tsv", {{"exact_match", "accuracy", 100}}},
      {"ocrbench", "ocrbench", "lmms_eval/ocrbench.json", {{"ocrbench_accuracy", "points", 1000}}},
      {"textvqa_val", "textvqa", "lmms_eval/textvqa.json", {{"exact_match", "accuracy", 100}}},
      {"vizwiz_vqa_val", "vizwiz", "lmms_eval/vizwiz.json", {{"exact_match", "accuracy", 100}}},
      {"vqav2_val", "vqav2", "lmms_eval/vqav2.jsonl", {{"exact_match", "accuracy", 100}}},
      {"gqa", "gqa", "lmms_eval/gqa.json", {{"exact_match", "accuracy", 100}}},
      {"chartqa",
       "chartqa",
       "lmms_eval/chartqa.jsonl",
       {{"relaxed_overall", "relaxed_accuracy", 100},
        {"relaxed_human_split", "split/human", 100},
        {"relaxed_augmented_split", "split/augmented", 100}}},
      {"docvqa_val", "docvqa", "lmms_eval/docvqa.json", {{"anls", "anls", 100}}},
      {"seedbench", "seed", "lmms_eval/seed.json", {{"seed_all", "accuracy", 100}}},
      {"mmbench_en_dev_static", "mmbench", "mmbench.tsv", {{"gpt_eval_score", "accuracy", 1}}, false},
      {"pope",
       "pope",
       "pope",
       {{"pope_accuracy", "pooled_accuracy", 100},
        {"pope_precision", "pooled_precision", 100},
        {"pope_recall", "pooled_recall", 100},
        {"pope_f1_score", "pooled_f1", 100},
        {"pope_yes_ratio", "pooled_yes_ratio", 100}}},
      {"scienceqa_img", "scienceqa", "scienceqa", {{"exact_match", "accuracy", 100}}},
      {"mme", "mme", "mme.tsv", {{"mme_perception_score", "perception", 1}, {"mme_cognition_score", "cognition", 1}}}};
  return all;
}

/// A benchmark without its pictures, and a file of answers to it.
struct Imported {
  Imported(const std::string& kind, const std::string& path, const std::string& file, Matcher matcher) {
    BenchmarkOptions options;
    options.kind = kind;
    options.path = exchange(path);
    options.matcher = matcher;
    options.ocr_tokens = false;
    benchmark = make_benchmark(options);
    loaded = benchmark->load_usable((folder / "cache").string(), PictureCheck::kNone);
    answers = read_answers(exchange(file));
  }
  Joined joined() const { return join_answers(*benchmark, loaded, answers); }
  Rescored scores() const {
    folder.write("p.jsonl", imported_lines(*benchmark, answers, joined(), MissingAnswers::kKeep));
    return rescore(*benchmark, folder / "p.jsonl");
  }

  testing::TempFolder folder;
  std::unique_ptr<Benchmark> benchmark;
  Loaded loaded;
  ForeignAnswers answers;
};

/// Shortest text that gives the number back.
std::string exact(double value) { return nlohmann::json(value).dump(); }

class LmmsEvalScores : public ::testing::TestWithParam<Task> {};

TEST_P(LmmsEvalScores, AreOursForEachAnswerAndInTotal) {
  const auto& task = GetParam();
  const auto samples = std::string("lmms_eval/samples_") + task.name + ".jsonl";
  const Imported import(task.kind, task.path, samples, Matcher::kLmmsEval);
  const auto joined = import.joined();
  EXPECT_TRUE(joined.checked);
  EXPECT_EQ(joined.predictions.size(), import.loaded.questions.size());
  EXPECT_THAT(joined.other_answers, ElementsAre());
  const auto own = compare_own_scores(*import.benchmark, import.answers, joined);
  ASSERT_EQ(own.has_value(), task.by_answer);
  if (own) {
    EXPECT_EQ(own->matcher, Matcher::kLmmsEval);
    EXPECT_EQ(own->scored, joined.predictions.size());
    EXPECT_THAT(own->different, ElementsAre());
    EXPECT_NEAR(own->theirs, own->ours, kDigits);
    EXPECT_GT(own->theirs, 10) << "answers that are all wrong, or all right, show nothing";
    EXPECT_LT(own->theirs, 90);
  }
  const auto totals = parse_json_file(exchange("lmms_eval/scores.json")).at(task.name);
  const auto ours = import.scores();
  for (const auto& pair : task.scores) {
    const double theirs = pair.factor * totals.at(pair.theirs).get<double>();
    EXPECT_NEAR(metric(ours, pair.ours), theirs, kDigits) << pair.theirs;
    if (const char* file = std::getenv("SCALSELECT_IMPORTED")) {
      std::ofstream out(file, std::ios::app);
      if (out.tellp() == 0) out << "task,answers,scored,equal,score,ours,theirs\n";
      const auto scored = own ? own->scored : 0;
      out << task.name << "," << joined.predictions.size() << "," << scored << ","
          << scored - (own ? own->different.size() : 0) << "," << pair.theirs << "," << exact(metric(ours, pair.ours))
          << "," << exact(theirs) << "\n";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tasks, LmmsEvalScores, ::testing::ValuesIn(tasks()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ExchangeScores, WhereAHarnessScoredOtherwiseIsNamed) {
  Imported import("gqa", "lmms_eval/gqa.json", "lmms_eval/samples_gqa.jsonl", Matcher::kDefault);
  auto& answer = import.answers.answers[3];
  ASSERT_TRUE(answer.score.has_value());
  answer.score = 1 - *answer.score;
  const auto own = compare_own_scores(*import.benchmark, import.answers, import.joined());
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(own->name, "exact_match");
  EXPECT_THAT(own->different, ElementsAre(import.loaded.questions[3].id));
  EXPECT_NEAR(std::abs(own->theirs - own->ours), 100.0 / static_cast<double>(own->scored), kDigits);
}

/// One score for all rotations of a question; truth values for the others.
TEST(ExchangeScores, VlmEvalKitsTablesOfResults) {
  for (const auto& [kind, name, scored] :
       {std::tuple{"mmbench", "hit", 8u}, std::tuple{"pope", "score", 24u}, std::tuple{"mme", "score", 56u}}) {
    const std::string stem = std::string("vlmevalkit_") + kind;
    Imported import(kind, std::string(kind) + ".tsv", stem + ".xlsx", Matcher::kDefault);
    EXPECT_FALSE(compare_own_scores(*import.benchmark, import.answers, import.joined()).has_value());
    add_results(exchange(stem + "_results.xlsx"), import.answers);
    auto own = compare_own_scores(*import.benchmark, import.answers, import.joined());
    ASSERT_TRUE(own.has_value()) << kind;
    EXPECT_EQ(own->name, name);
    EXPECT_EQ(own->matcher, Matcher::kVk2026);
    EXPECT_EQ(own->scored, scored);
    EXPECT_THAT(own->different, ElementsAre()) << kind;
    EXPECT_GT(own->theirs, 10);
    // A wrong answer to the second rotation is the first's, too.
    if (std::string(kind) != "mmbench") continue;
    const auto joined = import.joined();
    const auto right = std::find_if(joined.sources.begin(), joined.sources.end(),
                                    [](const ForeignAnswer* source) { return source->score == 1; });
    ASSERT_NE(right, joined.sources.end());
    for (auto& answer : import.answers.answers) {
      if (answer.id == std::to_string(1'000'000 + std::stoi((*right)->id))) answer.text = "Z";
    }
    own = compare_own_scores(*import.benchmark, import.answers, import.joined());
    EXPECT_THAT(own->different, ElementsAre((*right)->id));
  }
}

/// The sheet of results of POPE and MME has all that the one of predictions has.
TEST(ExchangeScores, OfTheFileItself) {
  const Imported import("mme", "mme.tsv", "vlmevalkit_mme_results.xlsx", Matcher::kVk2026);
  const auto own = compare_own_scores(*import.benchmark, import.answers, import.joined());
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(own->scored, 56u);
  EXPECT_THAT(own->different, ElementsAre());
}

TEST(ExchangeScores, AnotherFileInPlaceOfResultsIsRefused) {
  Imported import("mmbench", "mmbench.tsv", "vlmevalkit_mmbench.xlsx", Matcher::kDefault);
  const auto problem = [&](const std::string& file) {
    return message_of([&] { add_results(exchange(file), import.answers); });
  };
  EXPECT_THAT(problem("vlmevalkit_mmbench.xlsx"), HasSubstr("is no table of results (it has index, question"));
  EXPECT_THAT(problem("lmms_eval/samples_gqa.jsonl"), HasSubstr("has an extension that no harness gives"));
  EXPECT_THAT(problem("gone.xlsx"), HasSubstr("is not a file"));
  for (auto& answer : import.answers.answers) answer.id = "x" + answer.id;
  EXPECT_THAT(problem("vlmevalkit_mmbench_results.xlsx"), HasSubstr("scores none of the answers in"));
}

/// Answers that are compared as texts: another revision is told, not refused, as harnesses rewrite references.
TEST(ExchangeScores, OtherExpectedAnswersToOpenQuestionsAreListed) {
  Imported docs("docvqa", "lmms_eval/docvqa.json", "lmms_eval/samples_docvqa_val.jsonl", Matcher::kLmmsEval);
  ASSERT_EQ(docs.answers.answers[1].target, "['101 Main Street', '101 main st.']");
  docs.answers.answers[1].target = "['101 main st.',  '101  Main Street']";
  EXPECT_THAT(docs.joined().other_answers, ElementsAre()) << "the order and blanks say nothing";
  docs.answers.answers[1].target = "['101 main st.']";
  EXPECT_THAT(docs.joined().other_answers, ElementsAre()) << "one of them";
  docs.answers.answers[1].target = "['101 Main Street', '101 main road']";
  docs.answers.answers[4].target = "somewhere else";
  EXPECT_THAT(docs.joined().other_answers, ElementsAre(docs.loaded.questions[1].id, docs.loaded.questions[4].id));
  // A yes or no, or a letter, that is another ends the import as before.
  Imported gqa("gqa", "lmms_eval/gqa.json", "lmms_eval/samples_gqa.jsonl", Matcher::kLmmsEval);
  for (std::size_t i = 0; i < gqa.loaded.questions.size(); ++i) {
    const auto& gold = gqa.loaded.questions[i].answers[0];
    if (gold == "yes" || gold == "no") gqa.answers.answers[i].target = "maybe";
  }
  EXPECT_THAT(message_of([&] { gqa.joined(); }), HasSubstr("expects 'maybe', but the benchmark's answer is"));
}

/// lmms-eval asks TextVQA and VizWiz with `capitalize`, which takes other capitals away.
TEST(ExchangeScores, CapitalizedQuestionsAreTheSame) {
  Imported import("textvqa", "lmms_eval/textvqa.json", "lmms_eval/samples_textvqa_val.jsonl", Matcher::kLmmsEval);
  ASSERT_THAT(import.answers.answers[0].prompt, HasSubstr("What does sign 0 say?"));
  ASSERT_EQ(import.loaded.questions[0].question, "what does SIGN 0 say?");
  EXPECT_TRUE(import.joined().checked);
  import.answers.answers[0].prompt = "What does sign 17 say?";
  EXPECT_THAT(message_of([&] { import.joined(); }), HasSubstr("was given to 'What does sign 17 say?'"));
}

}  // namespace
}  // namespace scalselect::eval
