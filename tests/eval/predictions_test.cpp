#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>

#include "core/files.h"
#include "eval/answering.h"
#include "eval/registry.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using ::testing::HasSubstr;
using testing::TableGenerator;
using testing::TempFolder;

std::string some_answer(const GenerationPrompt& prompt) {
  return prompt.text.size() % 3 == 0 ? "Yes" : "No \"quoted\"\n\xff tail";
}

class PredictionsTest : public ::testing::Test {
 protected:
  PredictionsTest() : bench_(make_benchmark(testing::write_pope(folder_, 10))), questions_(bench_->load("")) {
    options_.step_size = 7;
  }
  std::string uninterrupted() {
    TableGenerator generator(some_answer);
    evaluate(*bench_, questions_, generator, options_, folder_ / "whole.jsonl");
    return read_file(folder_ / "whole.jsonl");
  }
  /// The lines of a finished file as they come about: by picture, in the order in which pictures come first.
  static std::string in_working_order(const std::string& whole) {
    std::vector<std::pair<std::size_t, std::string>> lines;
    std::vector<std::string> pictures;
    std::istringstream in(whole);
    for (std::string line; std::getline(in, line);) {
      const auto picture = nlohmann::json::parse(line)["images"][0]["file"].get<std::string>();
      const auto known = std::find(pictures.begin(), pictures.end(), picture);
      lines.emplace_back(known - pictures.begin(), line + "\n");
      if (known == pictures.end()) pictures.push_back(picture);
    }
    std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string text;
    for (const auto& [place, line] : lines) text += line;
    return text;
  }
  /// An evaluation into `name` that was killed after it had answered the steps for which `answered` holds.
  template <class Answered>
  void leave(const std::string& name, const std::string& made, const Answered& answered) const {
    std::filesystem::remove(folder_ / name);
    std::istringstream in(made);
    const Answering killed(*bench_, questions_, options_, folder_ / name);
    for (std::int64_t step = 0; step < killed.steps(); ++step) {
      std::string lines, line;
      for (std::int64_t i = 0; i < killed.questions_of(step) && std::getline(in, line); ++i) lines += line + "\n";
      if (answered(step)) killed.keep(step, lines);
    }
  }
  TempFolder folder_;
  std::unique_ptr<Benchmark> bench_;
  std::vector<Question> questions_;
  EvaluateOptions options_;
};

TEST_F(PredictionsTest, QuestionsAboutAPictureAreAskedTogether) {
  std::vector<std::string> pictures;
  TableGenerator generator([&](const GenerationPrompt& prompt) {
    if (pictures.empty() || pictures.back() != prompt.images[0]) pictures.push_back(prompt.images[0]);
    return some_answer(prompt);
  });
  evaluate(*bench_, questions_, generator, options_, folder_ / "p.jsonl");
  EXPECT_EQ(std::set<std::string>(pictures.begin(), pictures.end()).size(), pictures.size())
      << "the splits lie apart in the benchmark and repeat the pictures";
  std::vector<std::string> ids, asked;
  for (const auto& question : questions_) ids.push_back(question.id);
  for (const auto& prediction : read_predictions(folder_ / "p.jsonl")) asked.push_back(prediction.question.id);
  EXPECT_EQ(asked, ids) << "the file is in the benchmark's order";
  EXPECT_FALSE(std::filesystem::exists(steps_folder(folder_ / "p.jsonl")));
}

TEST_F(PredictionsTest, EqualQuestionsAreAskedOnce) {
  TableGenerator generator(some_answer);
  evaluate(*bench_, questions_, generator, options_, folder_ / "p.jsonl");
  EXPECT_EQ(questions_.size(), 60u);
  EXPECT_EQ(generator.prompts_seen, 40) << "10 positives shared by three splits, 30 negatives";
  EXPECT_EQ(read_predictions(folder_ / "p.jsonl").size(), 60u);
}

TEST_F(PredictionsTest, KilledAnywhereResumesToTheSameBytes) {
  const std::string whole = uninterrupted(), made = in_working_order(whole);
  const std::int64_t steps = Answering(*bench_, questions_, options_, folder_ / "other.jsonl").steps();
  EXPECT_GE(steps, 4);
  for (std::int64_t cut = 0; cut <= steps; ++cut) {
    leave("cut.jsonl", made, [&](std::int64_t step) { return step < cut; });
    EXPECT_EQ(answered_in_steps(folder_ / "cut.jsonl") == 60, cut == steps);
    TableGenerator generator(some_answer);
    evaluate(*bench_, questions_, generator, options_, folder_ / "cut.jsonl");
    ASSERT_EQ(read_file(folder_ / "cut.jsonl"), whole) << "cut at " << cut;
  }
}

TEST_F(PredictionsTest, ForSeveralProcessesTheLastStepsAreShort) {
  const std::string whole = uninterrupted();
  options_.step_size = 30;
  options_.processes = 4;
  options_.generation.batch_size = 2;
  TableGenerator generator(some_answer);
  const Answering answering(*bench_, questions_, options_, folder_ / "p.jsonl");
  EXPECT_GE(answering.steps(), 10);
  EXPECT_LE(answering.questions_of(answering.steps() - 1), 6);
  auto alone = options_;
  alone.processes = 1;
  EXPECT_EQ(Answering(*bench_, questions_, alone, folder_ / "p.jsonl").steps(), answering.steps())
      << "who comes later does as the first one said";
  evaluate(*bench_, questions_, generator, alone, folder_ / "p.jsonl");
  EXPECT_EQ(read_file(folder_ / "p.jsonl"), whole);
  EXPECT_FALSE(std::filesystem::exists(steps_folder(folder_ / "p.jsonl")));
}

TEST_F(PredictionsTest, StepsOfAnEarlierVersionGoOn) {
  const std::string whole = uninterrupted(), made = in_working_order(whole);
  leave("cut.jsonl", made, [&](std::int64_t step) { return step == 1; });
  std::filesystem::remove(steps_folder(folder_ / "cut.jsonl") / "cut.json");  // which it did not write
  options_.processes = 4;
  TableGenerator generator(some_answer);
  ::testing::internal::CaptureStderr();
  evaluate(*bench_, questions_, generator, options_, folder_ / "cut.jsonl");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("which an earlier version began, go on"));
  EXPECT_LT(generator.prompts_seen, 40);
  EXPECT_EQ(read_file(folder_ / "cut.jsonl"), whole);
}

/// Answers as floats may: what comes out depends on what is computed together.
class CompanyGenerator : public TextGenerator {
 public:
  std::vector<std::string> generate(std::span<const GenerationPrompt> prompts, const GenerationOptions&) override {
    std::vector<std::string> answers;
    for (const auto& prompt : prompts) {
      answers.push_back(std::to_string(prompts.size()) + prompts.front().text + prompt.text);
    }
    return answers;
  }
};

TEST_F(PredictionsTest, AnyStepMayBeAnsweredByAnother) {
  CompanyGenerator generator;
  evaluate(*bench_, questions_, generator, options_, folder_ / "whole.jsonl");
  const std::string whole = read_file(folder_ / "whole.jsonl"), made = in_working_order(whole);
  for (const std::int64_t stride : {2, 3, 5}) {
    leave("cut.jsonl", made, [&](std::int64_t step) { return step % stride == 1; });
    evaluate(*bench_, questions_, generator, options_, folder_ / "cut.jsonl");
    ASSERT_EQ(read_file(folder_ / "cut.jsonl"), whole) << "every " << stride;
  }
}

TEST_F(PredictionsTest, AStepThatLacksAnswersIsNamed) {
  uninterrupted();
  ensure_folder(folder_ / "cut.jsonl.steps");
  folder_.write("cut.jsonl.steps/000002.jsonl", "");
  TableGenerator generator(some_answer);
  EXPECT_THAT(message_of([&] { evaluate(*bench_, questions_, generator, options_, folder_ / "cut.jsonl"); }),
              HasSubstr("cut.jsonl.steps/000002.jsonl has 0 answers instead of "));
}

TEST_F(PredictionsTest, AFinishedFileThatLacksAnswersIsNamed) {
  const auto whole = uninterrupted();
  folder_.write("cut.jsonl", whole.substr(0, whole.rfind('\n', whole.size() - 2) + 1));
  TableGenerator generator(some_answer);
  EXPECT_THAT(message_of([&] { evaluate(*bench_, questions_, generator, options_, folder_ / "cut.jsonl"); }),
              HasSubstr("cut.jsonl has 59 answers instead of 60. Delete it"));
}

TEST_F(PredictionsTest, FailingModelKeepsWhatItAnswered) {
  const std::string whole = uninterrupted();
  TableGenerator generator(some_answer);
  generator.fail_after_calls = 3;
  EXPECT_THROW(evaluate(*bench_, questions_, generator, options_, folder_ / "p.jsonl"), std::runtime_error);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "p.jsonl"));
  const auto answered = answered_in_steps(folder_ / "p.jsonl");
  EXPECT_GE(answered, 3 * 7);
  EXPECT_LT(answered, 60);
  generator.fail_after_calls = -1;
  evaluate(*bench_, questions_, generator, options_, folder_ / "p.jsonl");
  EXPECT_EQ(read_file(folder_ / "p.jsonl"), whole);
}

TEST_F(PredictionsTest, RefusesAnswersToOtherQuestions) {
  uninterrupted();
  TableGenerator generator(some_answer);
  questions_[1].prompt += " ";
  EXPECT_THAT(message_of([&] { evaluate(*bench_, questions_, generator, options_, folder_ / "whole.jsonl"); }),
              HasSubstr("whole.jsonl: line 2 is not an answer to question 'adversarial/2' of this evaluation"));
}

TEST_F(PredictionsTest, RescoresWithoutModelOrBenchmark) {
  const std::string whole = uninterrupted();
  std::vector<Outcome> outcomes;
  for (const auto& prediction : read_predictions(folder_ / "whole.jsonl")) {
    outcomes.push_back(bench_->judge(prediction.question, prediction.response));
  }
  const auto direct = bench_->aggregate(questions_, outcomes);
  std::filesystem::remove_all(folder_ / "pope");
  const Rescored again = rescore(*bench_, folder_ / "whole.jsonl");
  ASSERT_EQ(again.scores.metrics.size(), direct.metrics.size());
  for (std::size_t i = 0; i < direct.metrics.size(); ++i) {
    EXPECT_EQ(again.scores.metrics[i].metric.value, direct.metrics[i].metric.value) << direct.metrics[i].metric.name;
    EXPECT_EQ(again.scores.metrics[i].metric.chance, direct.metrics[i].metric.chance);
  }
  write_scores(again, folder_ / "scores.jsonl");
  EXPECT_THAT(read_file(folder_ / "scores.jsonl"), HasSubstr(R"({"id":"adversarial/1","parsed":)"));
}

TEST_F(PredictionsTest, RescoreNamesWhatIsWrong) {
  const std::string whole = uninterrupted();
  folder_.write("cut.jsonl", whole.substr(0, whole.size() - 5));
  EXPECT_THAT(message_of([&] { rescore(*bench_, folder_ / "cut.jsonl"); }),
              HasSubstr("cut.jsonl: line 60 is not a JSON object"));
  folder_.write("empty.jsonl", "");
  EXPECT_THAT(message_of([&] { rescore(*bench_, folder_ / "empty.jsonl"); }), HasSubstr("holds no predictions"));
  auto options = bench_->options();
  options.name = "other";
  EXPECT_THAT(message_of([&] { rescore(*make_benchmark(options), folder_ / "whole.jsonl"); }),
              HasSubstr("belongs to benchmark 'pope', not 'other'"));
  folder_.write("odd.jsonl", "{\"bench\": \"pope\", \"id\": \"x\", \"response\": \"\"}\n");
  EXPECT_THAT(message_of([&] { rescore(*bench_, folder_ / "odd.jsonl"); }),
              HasSubstr("odd.jsonl: line 1 is not a prediction record"));
  folder_.write("twice.jsonl", whole + whole.substr(0, whole.find('\n') + 1));
  for (const bool scored : {true, false}) {
    EXPECT_THAT(message_of([&] {
                  scored ? void(rescore(*bench_, folder_ / "twice.jsonl"))
                         : void(read_predictions(folder_ / "twice.jsonl"));
                }),
                HasSubstr("twice.jsonl: line 61 answers question"));
  }
}

TEST_F(PredictionsTest, MissingRotationIsAnErrorNotAPass) {
  const auto bench = make_benchmark(testing::write_mmbench(folder_));
  const auto questions = bench->load((folder_ / "cache").string());
  TableGenerator generator([](const GenerationPrompt&) { return "A"; });
  evaluate(*bench, std::span(questions).first(6), generator, options_, folder_ / "m.jsonl");
  EXPECT_THAT(message_of([&] { rescore(*bench, folder_ / "m.jsonl"); }),
              ::testing::AllOf(HasSubstr("m.jsonl: the answers to 'mini-mmbench' are not complete"),
                               HasSubstr("has 3 options but 2 rotations. Answer every rotation")));
}

}  // namespace
}  // namespace scalselect::eval
