#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/image.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/skills.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using testing::base64;
using ::testing::ElementsAre;
using testing::fake_png;
using ::testing::HasSubstr;
using testing::TempFolder;

BenchmarkOptions options_for(const std::string& kind, const std::string& path) {
  BenchmarkOptions options;
  options.kind = kind;
  options.path = path;
  return options;
}

// Scores a benchmark whose questions are answered by `answer`.
ScoredBenchmark score_with(const Benchmark& bench, const std::vector<Question>& questions,
                           const std::function<std::string(const Question&)>& answer) {
  std::vector<Outcome> outcomes;
  for (const auto& question : questions) outcomes.push_back(bench.judge(question, answer(question)));
  return bench.aggregate(questions, outcomes);
}

double value(const ScoredBenchmark& scored, const std::string& metric) {
  const auto* stats = scored.find(metric);
  EXPECT_NE(stats, nullptr) << metric;
  return stats == nullptr ? -1 : stats->metric.value;
}

TEST(Registry, RefusesUnknownKindsAndUnfitRules) {
  EXPECT_THAT(message_of([] { make_benchmark(options_for("mmbnch", "")); }), HasSubstr("Did you mean 'mmbench'?"));
  auto options = options_for("ai2d", "");
  options.matcher = Matcher::kOfficial;
  EXPECT_THAT(message_of([&] { make_benchmark(options); }), HasSubstr("has no answer rules 'official'"));
  EXPECT_THAT(matchers_of("ai2d"), ElementsAre("vk-2026", "vk-2024", "vk-2025", "strict", "lmms-eval"));
  EXPECT_THAT(matchers_of("mme"), ElementsAre("official", "vk-2024", "vk-2025", "vk-2026", "strict", "lmms-eval"));
  EXPECT_THAT(message_of([] { make_benchmark(options_for("pope", "/nowhere"))->load(""); }),
              HasSubstr("/nowhere does not exist"));
}

TEST(MmBench, ReadsRotationsPromptsAndImages) {
  const TempFolder folder;
  const auto bench = make_benchmark(testing::write_mmbench(folder));
  const auto questions = bench->load((folder / "cache").string());
  ASSERT_EQ(questions.size(), 9u);
  EXPECT_EQ(questions[0].prompt,
            "a\nhint\nWhat is it?\nA. red\nB. green\nC. blue\nD. grey\nAnswer with the option's letter from the given "
            "choices directly.");
  EXPECT_EQ(questions[1].id, "1000007");
  EXPECT_EQ(questions[1].group, "7");
  EXPECT_EQ(questions[1].rotation, 1);
  EXPECT_EQ(questions[1].images, questions[0].images) << "an image cell may refer to another row";
  EXPECT_EQ(questions[0].cluster, questions[3].cluster);
  EXPECT_EQ(questions[8].options.size(), 2u);
  EXPECT_EQ(bench->fingerprint().size(), 64u);
}

TEST(MmBench, CircularNeedsEveryRotation) {
  const TempFolder folder;
  const auto bench = make_benchmark(testing::write_mmbench(folder));
  const auto questions = bench->load((folder / "cache").string());
  // Question 8 (three options) fails in its second pass: circular 2/3, first pass 3/3, all passes 8/9.
  const auto scored =
      score_with(*bench, questions, [](const Question& q) { return q.id == "1000008" ? "Z" : q.answers[0]; });
  EXPECT_NEAR(value(scored, "accuracy"), 200.0 / 3, 1e-9);
  EXPECT_NEAR(value(scored, "vanilla_0"), 100, 1e-9);
  EXPECT_NEAR(value(scored, "vanilla_all"), 800.0 / 9, 1e-9);
  EXPECT_NEAR(value(scored, "category/cat1"), 0, 1e-9);
  EXPECT_NEAR(scored.find("accuracy")->metric.chance, 100 * (1 / 256.0 + 1 / 27.0 + 1 / 4.0) / 3, 1e-9);
  EXPECT_EQ(scored.find("accuracy")->metric.majority, 0) << "one letter for all fails every circle";
  EXPECT_TRUE(scored.metrics.front().metric.column);
  const auto letter = score_with(*bench, questions, [](const Question&) { return "A"; });
  EXPECT_EQ(value(letter, "accuracy"), 0);
}

TEST(MmBench, ExpandsAndSwitchesOff) {
  const TempFolder folder;
  auto options = testing::write_mmbench(folder);
  const auto from_file = make_benchmark(options)->load((folder / "cache").string());
  options.circular = Circular::kExpand;
  const auto expanded = make_benchmark(options)->load((folder / "cache").string());
  ASSERT_EQ(expanded.size(), from_file.size());
  for (std::size_t i = 0; i < expanded.size(); ++i) {
    EXPECT_EQ(expanded[i].prompt, from_file[i].prompt);
    EXPECT_EQ(expanded[i].answers, from_file[i].answers);
  }
  options.circular = Circular::kOff;
  EXPECT_EQ(make_benchmark(options)->load((folder / "cache").string()).size(), 3u);
}

TEST(MmBench, RefusesBrokenTables) {
  const TempFolder folder;
  const auto load = [&](const std::string& table) {
    return message_of([&] {
      make_benchmark(options_for("mmbench", folder.write("bad.tsv", table)))->load((folder / "cache").string());
    });
  };
  const std::string image = base64(fake_png(1)), head = "index\tquestion\tA\tB\tanswer\timage\n";
  EXPECT_THAT(load(head + "1\tq\tx\ty\tA\t" + image + "\n"), HasSubstr("question '1' has 2 options but 1 rotations"));
  const std::string second = "1000001\tq\tx\ty\tA\t" + image + "\n";
  EXPECT_THAT(load(head + "1\tq\tx\ty\tC\t" + image + "\n" + second),
              HasSubstr("line 2: its answer 'C' is not the letter of one of its 2 options"));
  EXPECT_THAT(load(head + "1\tq\tx\ty\tA\t9\n" + second), HasSubstr("refers to index '9', which has no image"));
  EXPECT_THAT(load(head + "1\tq\tx\ty\tA\t1\n" + second), HasSubstr("which is itself a reference"));
  EXPECT_THAT(load(head + "1\tq\tx\ty\tA\t" + image + "*\n" + second),
              HasSubstr("line 2: column 'image' cannot be decoded"));
  EXPECT_THAT(load(head + "x\tq\tx\ty\tA\t" + image + "\n" + second), HasSubstr("index is not a whole number"));
  EXPECT_THAT(load("index\tA\timage\n"), HasSubstr("column 'question' is missing"));
  EXPECT_THAT(load("<!DOCTYPE html>\n<html>"), HasSubstr("is a web page, not the benchmark's file"));
  EXPECT_THAT(load(head), HasSubstr("holds no questions"));
}

TEST(MmBench, SkillsBelongToAllRotations) {
  const TempFolder folder;
  const auto options = testing::write_mmbench(folder);
  folder.write("mmbench.skills.jsonl", "{\"id\": \"7\", \"skill\": \"color\"}\n{\"id\": 8, \"skill\": \"count\"}\n");
  EXPECT_THAT(message_of([&] { make_benchmark(options)->load((folder / "cache").string()); }),
              HasSubstr("question '9' of"));
  folder.write(
      "mmbench.skills.jsonl",
      "{\"id\": \"7\", \"skill\": \"color\"}\n{\"id\": 8, \"skill\": \"count\"}\n{\"id\": 9, \"skill\": \"count\"}\n");
  const auto bench = make_benchmark(options);
  const auto questions = bench->load((folder / "cache").string());
  EXPECT_EQ(questions[3].skill, "color");
  const auto scored = score_with(*bench, questions, [](const Question&) { return "A"; });
  EXPECT_NEAR(value(scored, "skill/color"), 25, 1e-9);
  std::vector<Outcome> outcomes;
  for (const auto& question : questions) outcomes.push_back(bench->judge(question, "A"));
  const auto skills = skill_scores(questions, outcomes);
  ASSERT_EQ(skills.size(), 2u);
  EXPECT_EQ(skills[1].skill, "count");
  EXPECT_EQ(skills[1].questions, 5);
  EXPECT_NEAR(skills[1].accuracy, 40, 1e-9);
  EXPECT_NEAR(skills[1].chance, 100 * (3 / 3.0 + 2 / 2.0) / 5, 1e-9);
  EXPECT_NEAR(skills[1].majority, 40, 1e-9);
  EXPECT_NEAR(mean_skill_accuracy(skills), 32.5, 1e-9);
}

TEST(Pope, FourAnswersUnderTwoScorers) {
  const TempFolder folder;
  std::string lines;
  for (int i = 0; i < 4; ++i) {
    lines += fmt::format("{{\"question_id\": {}, \"image\": \"x.png\", \"text\": \"Q{}\", \"label\": \"{}\"}}\n", i, i,
                         i < 2 ? "yes" : "no");
  }
  folder.write("coco_pope_random.json", lines);
  folder.write("x.png", fake_png(0));
  auto options = options_for("pope", folder.text());
  const auto answer = [](const Question& q) { return std::vector<std::string>{"Yes", "maybe", "maybe", "No"}[q.row]; };
  const auto official = make_benchmark(options);
  const auto questions = official->load("");
  EXPECT_EQ(questions[0].prompt, "Q0\nAnswer the question using a single word or phrase.");
  EXPECT_EQ(questions[0].id, "random/0");
  const auto scored = score_with(*official, questions, answer);
  EXPECT_NEAR(value(scored, "accuracy"), 75, 1e-9);
  EXPECT_NEAR(value(scored, "precision"), 200.0 / 3, 1e-9);
  EXPECT_NEAR(value(scored, "recall"), 100, 1e-9);
  EXPECT_NEAR(value(scored, "f1"), 80, 1e-9);
  options.matcher = Matcher::kVk2026;
  const auto vk = score_with(*make_benchmark(options), questions, answer);
  EXPECT_NEAR(value(vk, "accuracy"), 50, 1e-9);
  EXPECT_NEAR(value(vk, "precision"), 100, 1e-9);
  EXPECT_NEAR(value(vk, "recall"), 50, 1e-9);
  EXPECT_NEAR(value(vk, "random_f1"), 200.0 / 3, 1e-9);
  EXPECT_NEAR(vk.unreadable, 0.5, 1e-9);
  options.matcher = Matcher::kLmmsEval;
  const auto lmms = score_with(*make_benchmark(options), questions, answer);
  EXPECT_NEAR(value(lmms, "accuracy"), 50, 1e-9);
  EXPECT_NEAR(value(lmms, "f1"), 100, 1e-9) << "what is unreadable is in none of the counts";
  EXPECT_NEAR(value(lmms, "yes_ratio"), 50, 1e-9) << "of the labels";
  EXPECT_NEAR(vk.find("f1")->metric.chance, 50, 1e-9);
  EXPECT_NEAR(vk.find("f1")->metric.majority, 200.0 / 3, 1e-9);
}

TEST(Pope, MeansOverSplitsShareImages) {
  const TempFolder folder;
  auto options = testing::write_pope(folder, 3);
  options.columns = {"adversarial_f1", "popular_f1"};
  const auto bench = make_benchmark(options);
  const auto questions = bench->load("");
  EXPECT_EQ(questions.size(), 18u);
  const auto scored = score_with(*bench, questions,
                                 [](const Question& q) { return q.splits[0] == "adversarial" ? "Yes" : q.answers[0]; });
  EXPECT_EQ(scored.clusters.size(), 3u);
  EXPECT_NEAR(value(scored, "adversarial_f1"), 200.0 / 3, 1e-9);
  EXPECT_NEAR(value(scored, "popular_f1"), 100, 1e-9);
  EXPECT_NEAR(value(scored, "f1"), (200.0 / 3 + 200) / 3, 1e-9);
  EXPECT_TRUE(scored.metrics[1].metric.column);
  EXPECT_FALSE(scored.find("f1")->metric.column);
  options.columns = {"f2"};
  EXPECT_THAT(
      message_of([&] { score_with(*make_benchmark(options), questions, [](const Question&) { return "no"; }); }),
      HasSubstr("benchmark 'pope' has no metric 'f2'"));
}

TEST(Pope, AColumnOfASplitThatIsAbsentIsRefusedAtOnce) {
  const TempFolder folder;
  folder.write("x.png", fake_png(0));
  folder.write("coco_pope_random.json",
               "{\"question_id\": 1, \"image\": \"x.png\", \"text\": \"Q\", \"label\": \"yes\"}\n");
  auto options = options_for("pope", folder.text());
  const auto load = [&](std::vector<std::string> columns) {
    options.columns = std::move(columns);
    return message_of([&] { make_benchmark(options)->load_usable(""); });
  };
  EXPECT_THAT(load({"random_f1", "popular_f1"}),
              HasSubstr("holds no file *pope_popular.json, which the column 'popular_f1' is computed from"));
  EXPECT_THAT(load({"f2"}), HasSubstr("benchmark 'pope' has no metric 'f2'"));
  EXPECT_EQ(load({"random_f1"}), "nothing was thrown");
  EXPECT_THAT(make_benchmark(options)->load_usable("").notes.at(0),
              HasSubstr("has no adversarial and no popular questions"));
}

TEST(Pope, RefusesBrokenLines) {
  const TempFolder folder;
  const auto load = [&](const std::string& lines) {
    folder.write("coco_pope_random.json", lines);
    return message_of([&] { make_benchmark(options_for("pope", folder.text()))->load(""); });
  };
  EXPECT_THAT(load("{\"question_id\": 1"), HasSubstr("coco_pope_random.json: line 1 is not a JSON object"));
  EXPECT_THAT(load("{\"question_id\": 1}\n"), HasSubstr("line 1 has no 'text'"));
  const std::string line = "{\"question_id\": 1, \"image\": \"x.png\", \"text\": \"Q\", \"label\": \"yes\"}\n";
  EXPECT_THAT(load(line), HasSubstr("question 'random/1' cannot be used: its image"));
  folder.write("x.png", fake_png(0));
  EXPECT_THAT(load(line + line),
              HasSubstr("question 'random/1' cannot be used: row 1 repeats the id of an earlier one"));
  EXPECT_THAT(load("{\"question_id\": 1, \"image\": \"x.png\", \"text\": \"Q\", \"label\": \"maybe\"}\n"),
              HasSubstr("the label 'maybe'"));
}

// The official tree: `count` flat, `scene` split.
BenchmarkOptions write_mme(const TempFolder& folder) {
  for (int i = 0; i < 3; ++i) {
    const std::string stem = fmt::format("{:03}", i);
    const std::string text = "Is it one? Please answer yes or no.\tYes\nIs it two?  Please answer yes or no.\tNo\n";
    folder.write("mme/count/" + stem + ".txt", text);
    folder.write("mme/count/" + stem + ".png", fake_png(i));
    folder.write("mme/scene/questions_answers_YN/" + stem + ".txt", text);
    folder.write("mme/scene/images/" + stem + ".jpg", fake_png(i));
  }
  return options_for("mme", (folder / "mme").string());
}

TEST(Mme, PairsAndSums) {
  const TempFolder folder;
  const auto bench = make_benchmark(write_mme(folder));
  const auto questions = bench->load("");
  ASSERT_EQ(questions.size(), 12u);
  EXPECT_EQ(questions[1].prompt, "Is it two?\nAnswer the question using a single word or phrase.")
      << "two blanks before the request";
  EXPECT_EQ(questions[1].id, "count/000.png#1");
  EXPECT_EQ(questions[6].image_names[0], "scene/000.jpg");
  // One wrong answer of six: accuracy 83.33, pairs 66.67.
  const auto scored =
      score_with(*bench, questions, [](const Question& q) { return q.id == "count/001.png#1" ? "Yes" : q.answers[0]; });
  EXPECT_NEAR(value(scored, "category/count"), 150, 1e-9);
  EXPECT_NEAR(value(scored, "category/count/acc"), 500.0 / 6, 1e-9);
  EXPECT_NEAR(value(scored, "category/count/acc_plus"), 200.0 / 3, 1e-9);
  EXPECT_NEAR(value(scored, "perception"), 350, 1e-9);
  EXPECT_EQ(scored.find("cognition"), nullptr);
  EXPECT_NEAR(scored.find("perception")->metric.chance, 150, 1e-9);
  EXPECT_NEAR(scored.find("perception")->metric.majority, 100, 1e-9);
  EXPECT_EQ(scored.find("perception")->metric.scale_max, 400);
  const auto yes = score_with(*bench, questions, [](const Question&) { return "Yes"; });
  EXPECT_NEAR(value(yes, "perception"), 100, 1e-9);
}

TEST(Mme, RefusesBrokenTrees) {
  const TempFolder folder;
  const auto options = write_mme(folder);
  const auto load = [&] { return message_of([&] { make_benchmark(options)->load(""); }); };
  folder.write("mme/count/003.txt", "Q\tYes\nR\tNo\n");
  EXPECT_THAT(load(), HasSubstr("count/003 is missing"));
  folder.write("mme/count/003.png", fake_png(3));
  folder.write("mme/count/003.txt", "Q\tYes\n");
  EXPECT_THAT(load(), HasSubstr("003.txt holds 1 questions"));
  folder.write("mme/count/003.txt", "Q\tYes\nR No\n");
  EXPECT_THAT(load(), HasSubstr("line 2 is not 'question<TAB>Yes|No'"));
  folder.write("mme/counts/x.txt", "");
  EXPECT_THAT(load(), HasSubstr("'counts' is not a category of MME. Did you mean 'count'"));
}

TEST(ScienceQa, TestQuestionsWithAnImage) {
  const TempFolder folder;
  folder.write("problems.json", R"({"11": {"question": "Which?", "choices": ["x", "y"], "answer": 1, "hint": "Look.",
      "image": "image.png", "topic": "maps", "subject": "geography"},
      "12": {"question": "No image", "choices": ["x"], "answer": 0, "hint": "", "image": null}})");
  folder.write("pid_splits.json", R"({"test": ["11", "12"], "train": []})");
  folder.write("images/test/11/image.png", fake_png(1));
  auto options = options_for("scienceqa", folder.text());
  const auto bench = make_benchmark(options);
  const auto questions = bench->load("");
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_EQ(questions[0].prompt,
            "Context: Look.\nWhich?\nA. x\nB. y\nAnswer with the option's letter from the given choices directly.");
  EXPECT_EQ(bench->judge(questions[0], "B.").score, 1);
  const auto full = make_benchmark(options_for("scienceqa_full", folder.text()));
  const auto all = full->load("");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].prompt, "No image\nA. x\nAnswer with the option's letter from the given choices directly.");
  EXPECT_TRUE(all[1].images.empty());
  const auto scored = score_with(*full, all, [](const Question&) { return "A"; });
  EXPECT_NEAR(value(scored, "accuracy"), 50, 1e-9);
  EXPECT_NEAR(value(scored, "split/text only"), 100, 1e-9);
  EXPECT_NEAR(value(scored, "split/with an image"), 0, 1e-9);
  options.matcher = Matcher::kOfficial;
  EXPECT_EQ(make_benchmark(options)->judge(questions[0], "B.").score, 0) << "LLaVA's script accepts 'B' but not 'B.'";
  EXPECT_EQ(make_benchmark(options)->judge(questions[0], "B").score, 1);
  folder.write("pid_splits.json", R"({"test": ["13"]})");
  EXPECT_THAT(message_of([&] { bench->load(""); }), HasSubstr("problem '13' of the test split is not in"));
  folder.write("problems.json", "{\"11\": ");
  EXPECT_THAT(message_of([&] { bench->load(""); }), HasSubstr("problems.json: not valid JSON near byte"));
}

TEST(OcrBench, ABadElementIsOneQuestion) {
  const TempFolder folder;
  const std::string good =
      R"({"question": "Text?", "type": "Regular Text Recognition", "answers": "a", "image_path": "1.png"})";
  auto options =
      options_for("ocrbench", folder.write("ocr/OCRBench.json", "[7, {\"question\": \"Text?\"}, " + good + "]"));
  folder.write("ocr/OCRBench_Images/1.png", fake_png(1));
  const auto loaded = make_benchmark(options)->load_usable("");
  ASSERT_EQ(loaded.questions.size(), 1u);
  EXPECT_EQ(loaded.questions[0].id, "2") << "its place in the list";
  ASSERT_EQ(loaded.unusable.size(), 2u);
  EXPECT_THAT(loaded.unusable[0].reason, HasSubstr("question 0 has no 'question'"));
  EXPECT_THAT(loaded.unusable[1].reason, HasSubstr("question 1 has no 'type'"));
}

TEST(Ai2d, VanillaAccuracyByCategory) {
  const TempFolder folder;
  const std::string head = "index\tquestion\tA\tB\tC\tD\tanswer\tcategory\timage\n";
  const std::string rows =
      "101\tWhat?\tp\tq\tr\ts\tB\tfood\t" + base64(fake_png(1)) + "\n102\tWho?\tp\tq\tr\ts\tA\tlife\t101\n";
  const auto bench = make_benchmark(options_for("ai2d", folder.write("a.tsv", head + rows)));
  const auto questions = bench->load((folder / "cache").string());
  const auto scored = score_with(*bench, questions, [](const Question&) { return "B"; });
  EXPECT_NEAR(value(scored, "accuracy"), 50, 1e-9);
  EXPECT_NEAR(value(scored, "category/food"), 100, 1e-9);
  EXPECT_EQ(scored.clusters.size(), 1u) << "two questions about one image";
  EXPECT_NEAR(scored.find("accuracy")->metric.chance, 25, 1e-9);
}

TEST(OcrBench, PointsAndGroups) {
  const TempFolder folder;
  const std::string formula = "Handwritten Mathematical Expression Recognition";
  folder.write("OCRBench.json", R"([{"dataset_name": "d", "id": 0, "image_path": "a/1.png", "question": "what?",
      "answers": ["CENTRE", "CENTER"], "type": "Regular Text Recognition"},
      {"image_path": "a/1.png", "question": "formula?", "answers": "y = 1", "type": ")" +
                                    formula + "\"}]");
  folder.write("OCRBench_Images/a/1.png", fake_png(1));
  const auto bench = make_benchmark(options_for("ocrbench", (folder / "OCRBench.json").string()));
  const auto questions = bench->load("");
  ASSERT_EQ(questions.size(), 2u);
  const auto scored = score_with(*bench, questions, [](const Question&) { return "the center, Y=1"; });
  EXPECT_NEAR(value(scored, "accuracy"), 50, 1e-9);
  EXPECT_NEAR(value(scored, "points"), 1, 1e-9);
  EXPECT_NEAR(value(scored, "split/Text Recognition"), 100, 1e-9);
  EXPECT_NEAR(value(scored, "category/" + formula), 0, 1e-9);
  EXPECT_EQ(scored.find("accuracy")->metric.chance, 0);
  folder.write("OCRBench.json", R"([{"image_path": "a/1.png", "question": "q", "answers": [" "], "type": "t"}])");
  EXPECT_THAT(message_of([&] { bench->load(""); }), HasSubstr("question '0' cannot be used: it has an empty answer"));
}

TEST(Prompts, StylesDifferAsTheHarnessesDo) {
  const std::vector<Option> options = {{"A", "x"}, {"B", "y"}};
  EXPECT_EQ(multiple_choice_prompt(PromptStyle::kVlmEvalKit, "Q", "H", options, "en", "Context: "),
            "H\nQ\nA. x\nB. y\nAnswer with the option's letter from the given choices directly.");
  EXPECT_EQ(multiple_choice_prompt(PromptStyle::kVlmEvalKit, "猫?", "", options, "en"),
            "猫?\nA. x\nB. y\n请直接回答选项字母。");
  EXPECT_EQ(multiple_choice_prompt(PromptStyle::kLlava, "Q", "", options, "cn"), "Q\nA. x\nB. y\n请直接回答选项字母。");
  EXPECT_EQ(multiple_choice_prompt(PromptStyle::kVlmEvalKitDefault, "Q", "H", options, "en"),
            "Hint: H\nQuestion: Q\nOptions:\nA. x\nB. y\nPlease select the correct answer from the options above. \n");
  EXPECT_EQ(short_answer_prompt(PromptStyle::kVlmEvalKit, "Q"), "Q");
  EXPECT_EQ(mme_prompt(PromptStyle::kVlmEvalKit, "Q Please answer yes or no."), "Q Please answer yes or no.");
}

TEST(Pope, ABadLineCostsItself) {
  const TempFolder folder;
  const auto options = testing::write_pope(folder, 2);
  const auto file = std::filesystem::path(options.path) / "coco_pope_random.json";
  for (const std::string bad : {R"({"question_id": 9, "image": "0.png", "text": "A?", "label": null})",
                                R"({"question_id": 9, "image": [], "text": "A?", "label": "yes"})", "{}"}) {
    testing::write_pope(folder, 2);
    write_file_atomically(file, read_file(file) + bad + "\n");
    const auto loaded = make_benchmark(options)->load_usable("");
    EXPECT_EQ(loaded.questions.size(), 12u);
    ASSERT_EQ(loaded.unusable.size(), 1u) << bad;
    EXPECT_THAT(loaded.unusable[0].reason, HasSubstr("line 5 has ")) << bad;
  }
}

TEST(Benchmark, ListsRowsThatCannotBeUsedAndKeepsTheOthers) {
  const TempFolder folder;
  auto options = testing::write_mmbench(folder);
  std::string table = read_file(options.path);
  const auto break_row = [&](const std::string& index, const std::string& image) {
    const auto begin = table.find("\n" + index + "\t") + 1, end = table.find("\tlevel\n", begin);
    table.replace(table.rfind('\t', end - 1) + 1, end - table.rfind('\t', end - 1) - 1, image);
  };
  std::vector<std::uint8_t> pixels(3 * 16 * 16);  // enough that the cut loses some: what lacks none is read
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * i % 251);
  const std::string cut = encode_png({16, 16, pixels}).substr(0, 60);
  break_row("1000008", base64(cut));
  folder.write("mmbench.tsv", table + "7\tagain\t\ta\tb\t\t\tA\tc\t8\tl\n");
  const auto loaded = make_benchmark(options)->load_usable((folder / "cache").string());
  ASSERT_EQ(loaded.questions.size(), 6u) << "question 7 with four rotations and question 9 with two";
  EXPECT_EQ(loaded.questions[5].row, 5);
  ASSERT_EQ(loaded.unusable.size(), 4u);
  EXPECT_EQ(loaded.unusable[0], (Unusable{"8", "is scored together with '1000008', which cannot be used", 4}));
  EXPECT_THAT(loaded.unusable[1].reason, HasSubstr("its image cannot be opened"));
  EXPECT_EQ(loaded.unusable[3], (Unusable{"7", "row 9 repeats the id of an earlier one", 9}));
  EXPECT_THAT(message_of([&] { make_benchmark(options)->load((folder / "cache").string()); }),
              HasSubstr("question '1000008' (and 3 others) cannot be used"));
}

TEST(Benchmark, APictureIsLookedAtAsFarAsItIsAskedFor) {
  const TempFolder folder;
  const auto bench = make_benchmark(testing::write_pope(folder, 2));
  const auto whole = bench->load("");
  const std::string picture = whole.front().images.front();
  auto bytes = read_file(picture);
  ASSERT_EQ(bytes.find("IDAT") + 8 < bytes.size(), true);
  bytes[bytes.find("IDAT") + 6] ^= 0x55;  // its ends stay as they are
  write_file_atomically(picture, bytes);
  EXPECT_EQ(bench->load_usable("").questions.size(), whole.size());
  const auto decoded = bench->load_usable("", PictureCheck::kDecode);
  EXPECT_LT(decoded.questions.size(), whole.size());
  EXPECT_EQ(decoded.questions.size() + decoded.unusable.size(), whole.size());
  EXPECT_THAT(decoded.unusable.at(0).reason, HasSubstr(picture));
  std::filesystem::remove_all(folder / "pope/images");
  EXPECT_EQ(bench->load("", PictureCheck::kNone).size(), whole.size()) << "answers are scored without pictures";
}

TEST(Benchmark, NoQuestionIsUsable) {
  const TempFolder folder;
  const auto options = testing::write_pope(folder, 2);
  std::filesystem::remove_all(folder / "pope/images");
  EXPECT_THAT(message_of([&] { make_benchmark(options)->load_usable(""); }),
              HasSubstr("question 'adversarial/1' (and 11 others) cannot be used: its image"));
}

TEST(MmBench, TestSetsAreAnsweredAndNotScored) {
  const TempFolder folder;
  const std::string image = base64(fake_png(1));
  auto options = options_for("mmbench", folder.write("t.tsv", "index\tquestion\tA\tB\timage\n1\tq\tx\ty\t" + image +
                                                                  "\n1000001\tq\ty\tx\t1\n"));
  const auto bench = make_benchmark(options);
  const auto loaded = bench->load_usable((folder / "cache").string());
  ASSERT_EQ(loaded.questions.size(), 2u);
  ASSERT_EQ(loaded.notes.size(), 1u);
  EXPECT_THAT(loaded.notes[0], HasSubstr("has no answers"));
  EXPECT_TRUE(score_with(*bench, loaded.questions, [](const Question&) { return "A"; }).metrics.empty());
}

TEST(MmBench, AnOptionThatReadsAsMissingIsNeverRight) {
  const TempFolder folder;
  const std::string image = base64(fake_png(1));
  auto options = options_for("mmbench", folder.write("n.tsv",
                                                     "index\tquestion\tA\tB\tC\tanswer\timage\n1\tq\tx\ty\t"
                                                     "None\tC\t" +
                                                         image + "\n"));
  options.circular = Circular::kOff;
  const auto bench = make_benchmark(options);
  const auto loaded = bench->load_usable((folder / "cache").string());
  ASSERT_EQ(loaded.questions.size(), 1u);
  EXPECT_EQ(loaded.questions[0].options.size(), 2u);
  EXPECT_THAT(loaded.notes.at(0), HasSubstr("1 questions have an answer whose text reads as a missing value"));
  EXPECT_EQ(bench->judge(loaded.questions[0], "C").score, 0) << "as VLMEvalKit scores it";
}

TEST(Pope, NamesTheOldRevision) {
  const TempFolder folder;
  folder.write("x.png", fake_png(0));
  std::string lines;
  for (int i = 0; i < 2910; ++i) {
    lines += fmt::format("{{\"question_id\": {}, \"image\": \"x.png\", \"text\": \"Q\", \"label\": \"no\"}}\n", i);
  }
  folder.write("coco_pope_random.json", lines);
  const auto loaded = make_benchmark(options_for("pope", folder.text()))->load_usable("");
  EXPECT_THAT(loaded.notes.back(), HasSubstr("2910 random questions"));
}

TEST(Benchmark, LimitKeepsWholeGroups) {
  const TempFolder folder;
  auto options = testing::write_mmbench(folder);
  options.limit = 5;
  EXPECT_EQ(make_benchmark(options)->load((folder / "cache").string()).size(), 7u) << "4 and 3 rotations";
}

}  // namespace
}  // namespace scalselect::eval
