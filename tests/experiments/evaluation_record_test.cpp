// Evaluations in the store, and where benchmarks are found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/md5.h"
#include "data/image.h"
#include "eval/answering.h"
#include "eval/registry.h"
#include "eval/releases.h"
#include "experiments/config/compose.h"
#include "experiments/report/collect.h"
#include "experiments/runs/benchmark_places.h"
#include "experiments/runs/evaluation.h"
#include "experiments/runs/keys.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPope[] = R"({"question_id": 1, "image": "a.png", "text": "Is there a dog?", "label": "yes"}
{"question_id": 2, "image": "a.png", "text": "Is there a cat?", "label": "no"}
)";

/// Says yes to every question.
class Agreeing final : public TextGenerator {
 public:
  std::vector<std::string> generate(std::span<const GenerationPrompt> prompts, const GenerationOptions&) override {
    return std::vector<std::string>(prompts.size(), "Yes");
  }
};

class EvaluationRecordTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    write_file_atomically(folder_ / "pope/coco/coco_pope_random.json", kPope);
    write_file_atomically(folder_ / "pope/val2014/a.png", encode_png({1, 1, {0, 0, 0}}));
  }
  static eval::BenchmarkOptions pope(const std::string& path = "pope/coco") {
    eval::BenchmarkOptions options;
    options.kind = "pope";
    options.path = path;
    return options;
  }
  /// Two answers, one of them right, on disk.
  AnsweredBenchmark answered() const {
    const auto benchmark = eval::make_benchmark(place_benchmarks({pope()}, folder_).front());
    auto questions = benchmark->load("");
    Agreeing generator;
    eval::evaluate(*benchmark, questions, generator, {}, folder_ / "answers/predictions.jsonl");
    return {benchmark->options(), folder_ / "answers", "digest"};
  }
  static std::string refusal(const std::function<void()>& body) {
    try {
      body();
    } catch (const UserError& error) {
      return error.what();
    }
    return "nothing was refused";
  }
  fs::path folder_ = fs::temp_directory_path() / "evaluation_record";
};

TEST_F(EvaluationRecordTest, AnswersOfOthersBecomeAFinishedRun) {
  Store store(folder_ / "store.sqlite");
  EvaluationRecord record;
  record.name = "someone's answers";
  record.config = {{"source", "predictions.xlsx"}};
  std::vector<ScoredAnswers> scored;
  const auto list = {answered()};
  const auto id = record_evaluation(store, record, list, {"2 answers were empty"}, &scored);
  const auto run = store.run(id);
  EXPECT_EQ(run.status, "finished");
  EXPECT_EQ(run.experiment, "eval");
  EXPECT_EQ(run.config["source"], "predictions.xlsx");
  EXPECT_EQ(run.config["eval"]["benchmarks"][0]["name"], "pope");
  EXPECT_THAT(run.warnings, ElementsAre("2 answers were empty"));
  const auto metrics = store.latest_metrics(id);
  EXPECT_EQ(metrics.at("eval/pope/accuracy"), 50);
  EXPECT_EQ(metrics.at("answers/pope/questions"), 2);
  EXPECT_EQ(metrics.at("answers/pope/unusable"), 0);
  EXPECT_EQ(metrics.at("answers/pope/unreadable"), 0);
  EXPECT_EQ(scored.front().rescored.questions.size(), 2u);

  const auto answers = report::answers_of(store, run);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_THAT(answers.front().responses, ElementsAre("Yes", "Yes"));
  EXPECT_EQ(record_evaluation(store, record, list), id) << "the same answers again are the same run";
}

TEST_F(EvaluationRecordTest, QuestionsThatCouldNotBeAskedAreCounted) {
  Store store(folder_ / "store.sqlite");
  const auto benchmark = answered();
  write_file_atomically(benchmark.folder / kUnusableFile, "{\"id\": \"random/3\", \"reason\": \"no picture\"}\n");
  const auto id = record_evaluation(store, {}, {{benchmark}});
  EXPECT_EQ(store.latest_metrics(id).at("answers/pope/unusable"), 1);
}

TEST_F(EvaluationRecordTest, AnswersThatCannotBeScoredLeaveNoRun) {
  Store store(folder_ / "store.sqlite");
  auto benchmark = answered();
  benchmark.options.name = "other";
  EXPECT_THAT(refusal([&] { record_evaluation(store, {}, {{benchmark}}); }), HasSubstr("belongs to benchmark 'pope'"));
  EXPECT_THAT(store.runs(), IsEmpty());
}

TEST_F(EvaluationRecordTest, TheFirstPlaceThatExistsIsTaken) {
  const auto placed = place_benchmarks({pope("POPE.tsv|pope/coco|pope")}, folder_).front();
  EXPECT_EQ(placed.path, (folder_ / "pope/coco").string());
  EXPECT_EQ(placed.name, "pope");
  EXPECT_EQ(placed.display, "POPE");
}

TEST_F(EvaluationRecordTest, EveryMissingBenchmarkIsNamedWithItsPlaces) {
  auto other = pope("other");
  other.name = "second";
  EXPECT_THAT(
      refusal([&] {
        place_benchmarks({pope("POPE.tsv|here"), other}, folder_);
      }),
      HasSubstr("2 of 2 benchmarks are not in '" + folder_.string() + "': pope (POPE.tsv or here), second (other)."));
  EXPECT_THAT(refusal([&] {
                place_benchmarks({pope(), pope()}, folder_);
              }),
              HasSubstr("Two benchmarks are called 'pope'"));
}

TEST_F(EvaluationRecordTest, AnotherReleaseIsNamedByBothDigestsAndUsed) {
  const auto file = folder_ / "POPE.tsv";
  write_file_atomically(file,
                        "index\timage_path\tquestion\tanswer\tcategory\n1\tpope/val2014/a.png\tA dog?\tYes\trandom\n");
  EXPECT_EQ(eval::other_release(folder_ / "pope"), "");
  EXPECT_EQ(eval::other_release(folder_ / "pope/coco/coco_pope_random.json"), "");
  BenchmarkDigests digests(folder_ / "cache", FileDigests(folder_ / "digests"));
  const auto placed = place_benchmarks({pope("POPE.tsv")}, folder_).front();
  EXPECT_EQ(digests.questions(placed), 1);
  ASSERT_EQ(digests.notes(placed).size(), 2u);
  EXPECT_EQ(
      digests.notes(placed).front(),
      "'" + file.string() +
          "' has no adversarial and no popular questions: f1 and the other means are over the splits that it has");
  EXPECT_THAT(digests.notes(placed).back(), HasSubstr("c12f5acb142f2ef1f85a26ba2fbe41d5"));
  EXPECT_THAT(digests.notes(placed).back(), HasSubstr(md5_file(file)));
}

/// The group `eval` as users find it.
class EvalGroups : public ::testing::Test {
 protected:
  static config::ComposedConfig composed(const std::string& group) {
    config::ComposeRequest request;
    request.config_dirs = {(fs::path(SCALSELECT_SOURCE_DIR) / "experiments/conf").string()};
    request.config_name = "eval";
    request.overrides = {"eval=" + group, "model.path=m", "eval.root=r"};
    return config::compose(request);
  }
  static std::vector<eval::BenchmarkOptions> benchmarks(const std::string& group) {
    std::vector<eval::BenchmarkOptions> list;
    const auto tree = composed(group).json();
    for (const auto& item : tree.at("eval").at("benchmarks")) {
      auto options = bind_options<eval::BenchmarkOptions>(item, "eval.benchmarks");
      list.push_back(eval::make_benchmark(options)->options());
    }
    return list;
  }
  static std::vector<std::string> groups() {
    std::vector<std::string> names;
    for (const auto& file : fs::directory_iterator(fs::path(SCALSELECT_SOURCE_DIR) / "experiments/conf/eval"))
      names.push_back(file.path().stem().string());
    return names;
  }
};

TEST_F(EvalGroups, EachBindsAndABenchmarkOfOneNameIsTheSameInAll) {
  std::map<std::string, nlohmann::json> known;  // what decides about answers: they are shared between groups
  for (const auto& group : groups()) {
    const nlohmann::json tree = composed(group).json().at("eval");
    for (const auto& benchmark : benchmarks(group)) {
      auto identity = answering_identity(dump_options(benchmark));
      identity["max_new_tokens"] = benchmark.max_new_tokens.value_or(tree.at("max_new_tokens").get<int>());
      identity["path"] = benchmark.path;
      const auto [place, fresh] = known.emplace(benchmark.name, identity);
      EXPECT_EQ(place->second, identity) << group << " and another group disagree about " << benchmark.name;
    }
  }
  EXPECT_GE(known.size(), 13u);
}

TEST_F(EvalGroups, ThePapersColumns) {
  std::vector<std::string> columns;
  for (const auto& benchmark : benchmarks("paper")) {
    columns.push_back(benchmark.display);
    for (const auto& column : benchmark.columns) columns.back() += " " + column;
  }
  EXPECT_THAT(columns, ElementsAre("MMBench-EN", "MMBench-CN", "MME", "AI2D", "POPE adversarial_f1 popular_f1",
                                   "SQA-IMG", "OCRBench"));
}

TEST_F(EvalGroups, DigestsInTheirCommentsAreThoseThatAreChecked) {
  std::set<std::string> known, named;
  for (const auto& release : eval::known_releases()) known.insert(release.md5);
  const std::regex digest("md5 ([0-9a-f]{32})");
  for (const auto& group : groups()) {
    const auto text = read_file(fs::path(SCALSELECT_SOURCE_DIR) / "experiments/conf/eval" / (group + ".yaml"));
    for (std::sregex_iterator at(text.begin(), text.end(), digest), end; at != end; ++at) {
      named.insert((*at)[1]);
      EXPECT_TRUE(known.contains((*at)[1])) << group << ": " << (*at)[1];
    }
  }
  EXPECT_GE(named.size(), 13u);
}

}  // namespace
}  // namespace scalselect::pipeline
