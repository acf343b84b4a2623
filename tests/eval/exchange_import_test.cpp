// Answers that VLMEvalKit, lmms-eval and LLaVA wrote with their own code (golden/make_exchange.py), and their scores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/answering.h"
#include "eval/json_files.h"
#include "tests/eval/exchange_fixtures.h"

namespace scalselect::eval {
namespace {

using ::testing::ElementsAre;
using testing::exchange;
using testing::harness_scores;
using ::testing::HasSubstr;
using testing::metric;
using testing::StandIn;

constexpr double kDigits = 1e-9;

/// VLMEvalKit's figures of MMBench, in shares.
void expect_mmbench(const Rescored& ours, const nlohmann::json& theirs) {
  EXPECT_NEAR(metric(ours, "accuracy"), 100 * theirs[0].at("Overall").get<double>(), kDigits);
  for (const char* category : {"attribute_recognition", "object_localization"}) {
    EXPECT_NEAR(metric(ours, std::string("category/") + category), 100 * theirs[0].at(category).get<double>(), kDigits);
  }
}

TEST(ExchangeImport, VlmEvalKitsSheetOfMmBench) {
  StandIn stand_in("mmbench", "mmbench.tsv", Matcher::kVk2026);
  const auto theirs = harness_scores("vlmevalkit mmbench xlsx");
  EXPECT_GT(theirs[0].at("Overall").get<double>(), 0) << "the stand-in would compare nothing";
  expect_mmbench(stand_in.scores_of("vlmevalkit_mmbench.xlsx", MissingAnswers::kNan), theirs);
}

TEST(ExchangeImport, VlmEvalKitsTableOfMmBench) {
  StandIn stand_in("mmbench", "mmbench.tsv", Matcher::kVk2026);
  expect_mmbench(stand_in.scores_of("vlmevalkit_mmbench.tsv", MissingAnswers::kNan),
                 harness_scores("vlmevalkit mmbench tsv"));
}

TEST(ExchangeImport, TheThreeContainersHoldTheSameAnswers) {
  StandIn stand_in("mmbench", "mmbench.tsv");
  std::vector<std::vector<std::string>> said;
  for (const char* file : {"vlmevalkit_mmbench.xlsx", "vlmevalkit_mmbench.tsv", "vlmevalkit_mmbench.json"}) {
    stand_in.scores_of(file);
    said.emplace_back();
    for (const auto& prediction : stand_in.predictions()) said.back().push_back(prediction.response);
  }
  EXPECT_EQ(said[0], said[1]);
  EXPECT_EQ(said[0], said[2]);
  EXPECT_THAT(said[0], ::testing::IsSupersetOf({"", "None", "nan", "N/A", "7", "=1+1", "_x000D_", "two\nlines"}));
}

TEST(ExchangeImport, VlmEvalKitsPopeAndMme) {
  StandIn pope("pope", "pope.tsv", Matcher::kVk2026);
  const auto ours = pope.scores_of("vlmevalkit_pope.xlsx", MissingAnswers::kNan);
  for (const auto& row : harness_scores("vlmevalkit pope xlsx")) {
    const auto split = row.at("split").get<std::string>();
    if (split == "Overall") continue;  // pools all records, where ours is the mean of the splits
    EXPECT_NEAR(metric(ours, split + "_f1"), row.at("Overall").get<double>(), kDigits);
    EXPECT_NEAR(metric(ours, split + "_accuracy"), row.at("acc").get<double>(), kDigits);
    EXPECT_NEAR(metric(ours, split + "_precision"), row.at("precision").get<double>(), kDigits);
    EXPECT_NEAR(metric(ours, split + "_recall"), row.at("recall").get<double>(), kDigits);
  }
  StandIn mme("mme", "mme.tsv", Matcher::kVk2026);
  const auto scores = mme.scores_of("vlmevalkit_mme.xlsx", MissingAnswers::kNan);
  const auto theirs = harness_scores("vlmevalkit mme xlsx")[0];
  EXPECT_NEAR(metric(scores, "perception"), theirs.at("perception").get<double>(), kDigits);
  EXPECT_NEAR(metric(scores, "cognition"), theirs.at("reasoning").get<double>(), kDigits);
}

TEST(ExchangeImport, LlavasPopeByPosition) {
  StandIn stand_in("pope", "pope", Matcher::kOfficial);
  const auto ours = stand_in.scores_of("llava_pope.jsonl");
  const auto theirs = harness_scores("llava pope");
  for (const auto& [split, figures] : theirs.items()) {
    EXPECT_NEAR(metric(ours, split + "_f1"), 100 * figures.at("F1 score").get<double>(), kDigits) << split;
    EXPECT_NEAR(metric(ours, split + "_accuracy"), 100 * figures.at("Accuracy").get<double>(), kDigits);
    EXPECT_NEAR(metric(ours, split + "_yes_ratio"), 100 * figures.at("Yes ratio").get<double>(), kDigits);
  }
  EXPECT_EQ(theirs.size(), 3u);
}

TEST(ExchangeImport, LlavasScienceQaLeavesQuestionsWithoutAPicture) {
  StandIn stand_in("scienceqa", "scienceqa", Matcher::kOfficial);
  const auto ours = stand_in.scores_of("llava_scienceqa.jsonl");
  EXPECT_NEAR(metric(ours, "accuracy"), harness_scores("llava scienceqa").at("image_accuracy").get<double>(), kDigits);
  const auto answers = read_answers(exchange("llava_scienceqa.jsonl"));
  const auto joined = join_answers(stand_in.benchmark(), stand_in.loaded(), answers);
  EXPECT_EQ(joined.key, "id");
  EXPECT_EQ(joined.strangers.size(), 3u) << "three of fourteen problems have no picture";
  EXPECT_THAT(joined.strangers[0], HasSubstr("line 4 ('26')"));
}

TEST(ExchangeImport, LlavasMmBenchById) {
  StandIn stand_in("mmbench", "mmbench.tsv");
  const auto answers = read_answers(exchange("llava_mmbench.jsonl"));
  const auto joined = join_answers(stand_in.benchmark(), stand_in.loaded(), answers);
  EXPECT_EQ(joined.key, "id");
  EXPECT_TRUE(joined.checked);
  EXPECT_EQ(joined.predictions.size(), stand_in.questions().size());
  EXPECT_EQ(answers.model, "llava-reciter");
  // The script records its prompt without the request for a letter that the model got.
  EXPECT_THAT(joined.predictions[0].question.prompt, HasSubstr("A. red\nB. green"));
}

TEST(ExchangeImport, AQuestionThatTheFileSpoilsCostsItself) {
  StandIn stand_in("pope", "pope");
  for (const char* file : {"llava_pope.jsonl", "lmms_samples_pope.jsonl"}) {
    const auto answers = read_answers(exchange(file));
    auto loaded = stand_in.loaded();
    const auto whole = join_answers(stand_in.benchmark(), loaded, answers);
    loaded.unusable.push_back({loaded.questions[3].id, "says two things", 3});
    loaded.questions.erase(loaded.questions.begin() + 3);
    const auto joined = join_answers(stand_in.benchmark(), loaded, answers);
    EXPECT_EQ(joined.key, whole.key) << file;
    EXPECT_TRUE(joined.unanswered.empty()) << file;
    EXPECT_EQ(joined.strangers.size() + joined.unusable.size(), whole.strangers.size() + 1) << file;
    ASSERT_EQ(joined.sources.size() + 1, whole.sources.size()) << file;
    for (std::size_t i = 0; i < joined.sources.size(); ++i) {
      EXPECT_EQ(joined.sources[i], whole.sources[i < 3 ? i : i + 1]) << file << ", answer " << i;
    }
  }
}

/// A way of joining that leaves out the rows which contradict the benchmark would hide them.
TEST(ExchangeImport, OneRowThatContradictsEndsTheImport) {
  const auto problem_of = [](StandIn& stand_in, const ForeignAnswers& answers) {
    return message_of([&] { join_answers(stand_in.benchmark(), stand_in.loaded(), answers); });
  };
  StandIn mmbench("mmbench", "mmbench.tsv"), science("scienceqa", "scienceqa", Matcher::kOfficial),
      pope("pope", "pope.tsv");
  const auto sheet = read_answers(exchange("vlmevalkit_mmbench.tsv"));
  ASSERT_FALSE(sheet.answers[1].options.empty());
  auto changed = sheet;
  changed.answers[1].options[0].text = "pink";
  EXPECT_THAT(problem_of(mmbench, changed), AllOf(HasSubstr("line 3"), HasSubstr("has the option A 'pink'")));
  changed = sheet;
  changed.answers[2].question = "Another?";
  EXPECT_THAT(problem_of(mmbench, changed), AllOf(HasSubstr("line 4"), HasSubstr("was given to 'Another?'")));
  auto lines = read_answers(exchange("llava_scienceqa.jsonl"));
  for (std::size_t i = 2; i < lines.answers.size(); ++i) lines.answers[i].prompt = "What else? A. no B. never";
  EXPECT_THAT(problem_of(science, lines), HasSubstr("was given to 'What else?"));
  lines = read_answers(exchange("llava_scienceqa.jsonl"));
  lines.answers.push_back(lines.answers.front());
  lines.answers.back().position = static_cast<std::int64_t>(lines.answers.size()) - 1;
  EXPECT_THAT(problem_of(science, lines), HasSubstr("again, after"));
  auto labels = read_answers(exchange("vlmevalkit_pope.xlsx"));
  for (std::size_t i = 0; i < labels.answers.size(); i += 3)
    labels.answers[i].target = labels.answers[i].target == "yes" ? "no" : "yes";
  EXPECT_THAT(problem_of(pope, labels), HasSubstr("but the benchmark's answer is"));
}

TEST(ExchangeImport, WhateverTheFileSaysOfAQuestionIsCompared) {
  StandIn mmbench("mmbench", "mmbench.tsv"), pope("pope", "pope.tsv"), mme("mme", "mme.tsv");
  const auto problem_of = [](StandIn& stand_in, const ForeignAnswers& answers) {
    return message_of([&] { join_answers(stand_in.benchmark(), stand_in.loaded(), answers); });
  };
  const auto sheet = read_answers(exchange("vlmevalkit_mmbench.tsv"));
  auto changed = sheet;
  changed.answers[1].options.push_back({"Z", "pink"});
  EXPECT_THAT(problem_of(mmbench, changed), HasSubstr("line 3 has an option Z 'pink', which the benchmark lacks"));
  changed = sheet;
  changed.answers[1].options.back().text = "None";  // as pandas reads a missing one: a cell without a text
  EXPECT_THAT(problem_of(mmbench, changed), HasSubstr("line 3 lacks the benchmark's option"));
  auto lines = read_answers(exchange("llava_mmbench.jsonl"));
  ASSERT_FALSE(lines.answers[0].options.empty());
  lines.answers[0].options[0].text = "pink";
  EXPECT_THAT(problem_of(mmbench, lines), HasSubstr("line 1 has the option A 'pink', but the benchmark's is A 'red'"));
  // An image of MME is known, but neither of its questions is the one that was answered.
  auto samples = read_answers(exchange("lmms_samples_mme.jsonl"));
  samples.answers[2].target = samples.answers[2].target == "Yes" ? "No" : "Yes";
  auto questions = mme.questions();
  for (auto& question : questions) question.id = "x" + question.id;
  for (auto& question : questions) question.group = question.group.substr(question.group.find('/') + 1);
  EXPECT_THAT(message_of([&] {
                join_answers(mme.benchmark(), {questions, {}, {}}, samples);
              }),
              HasSubstr("line 3 expects"));
}

/// Its place in the file is not what an answer is known by where its id is the benchmark's.
TEST(ExchangeImport, ASecondAnswerInAnothersPlaceIsNotTheOthers) {
  StandIn pope("pope", "pope.tsv");
  ForeignAnswers lines;
  lines.file = "a.jsonl";
  lines.ordered = true;
  for (const auto& question : pope.questions()) {
    ForeignAnswer answer;
    answer.where = "a.jsonl: line " + std::to_string(lines.answers.size() + 1);
    answer.id = question.id;
    answer.prompt = question.question;
    answer.position = std::ssize(lines.answers);
    lines.answers.push_back(answer);
  }
  EXPECT_EQ(join_answers(pope.benchmark(), pope.loaded(), lines).key, "id");
  const auto& asked = pope.questions();
  const auto same = std::find_if(asked.begin() + 1, asked.end(),
                                 [&](const Question& question) { return question.question == asked[0].question; });
  ASSERT_NE(same, asked.end());
  const auto place = static_cast<std::size_t>(same - asked.begin());
  lines.answers[place].id = asked[0].id;
  EXPECT_THAT(message_of([&] { join_answers(pope.benchmark(), pope.loaded(), lines); }),
              HasSubstr(lines.answers[place].where + " answers question '" + asked[0].id + "' again"));
}

/// With --all-rounds the script asks the first row of a question again, and numbers the rounds.
TEST(ExchangeImport, LlavasRoundsAreRotations) {
  StandIn stand_in("mmbench", "mmbench.tsv");
  auto rows = read_answers(exchange("llava_mmbench.jsonl"));
  for (auto& answer : rows.answers) {
    const auto index = std::stoll(answer.id);
    answer.id = std::to_string(index % 1'000'000);
    answer.round = static_cast<int>(index / 1'000'000);
  }
  const auto joined = join_answers(stand_in.benchmark(), stand_in.loaded(), rows);
  EXPECT_EQ(joined.key, "id");
  EXPECT_TRUE(joined.unanswered.empty());
  for (std::size_t i = 0; i < joined.predictions.size(); ++i) {
    EXPECT_EQ(joined.predictions[i].question.rotation, joined.sources[i]->round);
  }
  // Without them the ids repeat; the options' order in the prompts still tells the rotations apart.
  for (auto& answer : rows.answers) answer.round = 0;
  const auto by_text = join_answers(stand_in.benchmark(), stand_in.loaded(), rows);
  EXPECT_EQ(by_text.key, "image and text");
  ASSERT_EQ(by_text.sources.size(), rows.answers.size());
  for (std::size_t i = 0; i < by_text.sources.size(); ++i) EXPECT_EQ(by_text.sources[i], &rows.answers[i]);
}

TEST(ExchangeImport, MmesImageAndTextTellQuestionsApart) {
  StandIn stand_in("mme", "mme.tsv");
  auto questions = stand_in.questions();
  for (auto& question : questions) question.id = "x" + question.id;  // as the folders' reader names them: other ids
  for (auto& question : questions) question.group = question.group.substr(question.group.find('/') + 1);
  for (const char* file : {"llava_mme.jsonl", "lmms_samples_mme.jsonl"}) {
    const auto answers = read_answers(exchange(file));
    const auto joined = join_answers(stand_in.benchmark(), {questions, {}, {}}, answers);
    EXPECT_EQ(joined.key, "image and text") << file;
    EXPECT_EQ(joined.predictions.size(), questions.size());
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const auto& asked = questions[i].question;
      EXPECT_THAT(joined.sources[i]->prompt, HasSubstr(asked.substr(0, asked.find('?')))) << file;
    }
  }
}

TEST(ExchangeImport, LmmsEvalsSamplesByPosition) {
  for (const auto& [kind, task] : {std::pair{"pope", "pope"}, std::pair{"scienceqa", "scienceqa_img"}}) {
    StandIn stand_in(kind, kind);
    const auto answers = read_answers(exchange(std::string("lmms_samples_") + task + ".jsonl"));
    EXPECT_EQ(answers.format, AnswerFormat::kLmmsEval);
    const auto joined = join_answers(stand_in.benchmark(), stand_in.loaded(), answers);
    EXPECT_EQ(joined.key, "position");
    EXPECT_TRUE(joined.checked);
    EXPECT_EQ(joined.predictions.size(), stand_in.questions().size());
    EXPECT_TRUE(joined.strangers.empty());
  }
}

TEST(ExchangeImport, WhatTheFileCannotTellIsCounted) {
  StandIn stand_in("mmbench", "mmbench.tsv");
  const auto answers = read_answers(exchange("vlmevalkit_mmbench.xlsx"));
  const auto remarks = remarks_on(join_answers(stand_in.benchmark(), stand_in.loaded(), answers));
  EXPECT_EQ(remarks.blank, 1u);
  EXPECT_EQ(remarks.missing, 3u) << "None, nan, N/A";
  EXPECT_EQ(remarks.numbers, 0u);
}

/// The same keys as those of answers of our own, and the same facts about the question.
TEST(ExchangeImport, RecordsAreLikeOurOwn) {
  StandIn stand_in("mmbench", "mmbench.tsv");
  stand_in.scores_of("vlmevalkit_mmbench.xlsx");
  testing::TableGenerator generator([](const GenerationPrompt&) { return "A"; });
  const auto own = stand_in.folder() / "own.jsonl";
  evaluate(stand_in.benchmark(), stand_in.questions(), generator, {}, own);
  const auto records = [](const std::filesystem::path& file) {
    std::vector<nlohmann::json> all;
    for_each_json_line(file, [&](const nlohmann::json& record, const std::string&) { all.push_back(record); });
    return all;
  };
  auto ours = records(own), imported = records(stand_in.predictions_file());
  ASSERT_EQ(ours.size(), imported.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(imported[i].at("source").at("format"), "vlmevalkit");
    imported[i].erase("source");
    for (const char* key : {"response", "prompt", "profile", "gen", "images"}) ours[i][key] = imported[i][key];
    EXPECT_EQ(ours[i], imported[i]);
  }
}

}  // namespace
}  // namespace scalselect::eval
