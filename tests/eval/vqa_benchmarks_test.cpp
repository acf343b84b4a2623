// Readers, prompts and metrics of the benchmarks with open answers, in the layouts of their originals, LLaVA,
// VLMEvalKit and lmms-eval.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "eval/json_files.h"
#include "eval/registry.h"
#include "eval/vqa_prompts.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using nlohmann::json;
using testing::base64;
using ::testing::ElementsAre;
using testing::fake_png;
using ::testing::HasSubstr;
using testing::TempFolder;

const std::string kRequest = "\nAnswer the question using a single word or phrase.";
const std::string kInsufficient = "\nWhen the provided information is insufficient, respond with 'Unanswerable'.";

BenchmarkOptions options_for(const std::string& kind, const std::filesystem::path& path) {
  BenchmarkOptions options;
  options.kind = kind;
  options.path = path.string();
  return options;
}

std::vector<Question> load(const BenchmarkOptions& options, const TempFolder& folder) {
  return make_benchmark(options)->load((folder / "cache").string());
}

std::string load_error(const BenchmarkOptions& options, const TempFolder& folder) {
  return message_of([&] { load(options, folder); });
}

ScoredBenchmark score_with(const BenchmarkOptions& options, const std::vector<Question>& questions,
                           const std::vector<std::string>& answers) {
  const auto bench = make_benchmark(options);
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < questions.size(); ++i) outcomes.push_back(bench->judge(questions[i], answers.at(i)));
  return bench->aggregate(questions, outcomes);
}

const Metric& metric(const ScoredBenchmark& scored, const std::string& name) {
  const auto* stats = scored.find(name);
  if (stats == nullptr) throw std::runtime_error("no metric " + name);
  return stats->metric;
}

json ten(const std::string& most, const std::string& rest, int of_most) {
  json answers = json::array();
  for (int i = 0; i < 10; ++i) answers.push_back(i < of_most ? most : rest);
  return answers;
}

json as_objects(const json& texts) {
  json objects = json::array();
  for (const auto& text : texts) objects.push_back({{"answer", text}, {"answer_confidence", "yes"}});
  return objects;
}

BenchmarkOptions write_textvqa(const TempFolder& folder) {
  json data = json::array();
  data.push_back({{"image_id", "00a"},
                  {"question_id", 34602},
                  {"question", "What BRAND is it?"},
                  {"answers", ten("Dakota", "nokia", 8)}});
  data.push_back(
      {{"image_id", "00a"}, {"question_id", 34603}, {"question", "what year?"}, {"answers", ten("1998", "1989", 2)}});
  folder.write("textvqa/TextVQA_0.5.1_val.json", json{{"data", data}, {"dataset_name", "textvqa"}}.dump());
  folder.write("textvqa/train_images/00a.jpg", fake_png(1));
  return options_for("textvqa", folder / "textvqa");
}

TEST(TextVqa, PromptsWithLlavasTokens) {
  const TempFolder folder;
  const auto options = write_textvqa(folder);
  const std::string text = "what brand is it?\nReference OCR token: DAKOTA, DIGITAL" + kRequest;
  std::string lines;
  for (const std::string& line : {text, "what year?\nReference OCR token: " + kRequest}) {
    lines += json{{"question_id", "00a"}, {"image", "00a.jpg"}, {"text", line}, {"category", "default"}}.dump() + "\n";
  }
  folder.write("textvqa/llava_textvqa_val_v051_ocr.jsonl", lines);
  const auto questions = load(options, folder);
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_EQ(questions[0].prompt, text) << "LLaVA's file is followed to the letter";
  EXPECT_EQ(questions[0].id, "34602");
  EXPECT_EQ(questions[0].answers.size(), 10u);
  EXPECT_EQ(questions[0].cluster, "00a");
  EXPECT_EQ(questions[0].images[0], (folder / "textvqa/train_images/00a.jpg").string());
}

TEST(TextVqa, PromptsWithATokenFileOrWithoutTokens) {
  const TempFolder folder;
  auto options = write_textvqa(folder);
  EXPECT_THAT(load_error(options, folder), HasSubstr("there are no OCR tokens for question '34602'"));
  options.ocr_tokens = false;
  EXPECT_EQ(load(options, folder)[0].prompt, "What BRAND is it?" + kRequest);
  options.style = PromptStyle::kLmmsEval;
  EXPECT_EQ(load(options, folder)[0].prompt, "What brand is it?" + kRequest) << "lmms-eval capitalises";
  options.ocr_tokens.reset();
  EXPECT_EQ(load(options, folder)[0].prompt, "What brand is it?" + kRequest) << "tokens are LLaVA's habit";
  folder.write("textvqa/TextVQA_Rosetta_OCR_v0.2_val.json",
               json{{"data", {{{"image_id", "00a"}, {"ocr_tokens", {"DAKOTA", "DIGITAL"}}}}}}.dump());
  options.style = PromptStyle::kLlava;
  EXPECT_EQ(load(options, folder)[0].prompt, "What BRAND is it?\nReference OCR token: DAKOTA, DIGITAL" + kRequest);
}

TEST(TextVqa, SoftAccuracyChanceAndMajority) {
  const TempFolder folder;
  auto options = write_textvqa(folder);
  options.ocr_tokens = false;
  const auto questions = load(options, folder);
  const auto scored = score_with(options, questions, {"The Dakota.", "1998"});
  EXPECT_NEAR(metric(scored, "accuracy").value, (100 + 60) / 2.0, 1e-9);
  EXPECT_EQ(metric(scored, "accuracy").chance, 0);
  EXPECT_NEAR(metric(scored, "accuracy").majority, 50, 1e-9) << "one word can be right at one question";
  EXPECT_TRUE(metric(scored, "accuracy").column);
  EXPECT_EQ(scored.clusters.size(), 1u);
  EXPECT_EQ(scored.unreadable, 0);
  EXPECT_EQ(score_with(options, questions, {"", "1998"}).unreadable, 0.5);
}

TEST(TextVqa, VlmEvalKitsTable) {
  const TempFolder folder;
  const std::string table = fmt::format(
      "index\timage\tquestion\tanswer\n7\t{}\twhat is it?\t\"['a b', \"\"it's\"\", 'c']\"\n8\t7\twhat now?\t['a', "
      "'b']\n",
      base64(fake_png(1)));
  auto options = options_for("textvqa", folder.write("TextVQA_VAL.tsv", table));
  options.style = PromptStyle::kVlmEvalKit;
  const auto questions = load(options, folder);
  EXPECT_THAT(questions[0].answers, ElementsAre("a b", "it's", "c"));
  EXPECT_EQ(questions[1].images, questions[0].images);
  EXPECT_EQ(questions[0].prompt, "what is it?" + kRequest);
}

TEST(TextVqa, LmmsEvalsParquet) {
  const TempFolder folder;
  auto options = options_for("textvqa", testing::golden("textvqa.parquet"));
  options.style = PromptStyle::kLmmsEval;
  const auto questions = load(options, folder);
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_EQ(questions[0].id, "34602");
  EXPECT_EQ(questions[0].prompt, "What is the brand?" + kRequest);
  EXPECT_EQ(questions[0].answers.size(), 10u);
  EXPECT_TRUE(std::filesystem::is_regular_file(questions[0].images[0]));
  EXPECT_EQ(questions[1].answers[0], "été");
  options.ocr_tokens = true;
  EXPECT_EQ(load(options, folder)[0].prompt, "What is the brand?\nReference OCR token: DAKOTA, 2" + kRequest);
}

TEST(Gqa, OriginalLayoutGroupsAndLevels) {
  const TempFolder folder;
  const json questions = {{"201307251",
                           {{"imageId", "n161313"},
                            {"question", "Is it overcast?"},
                            {"answer", "no"},
                            {"types", {{"structural", "verify"}}}}},
                          {"201640614",
                           {{"imageId", "n161313"},
                            {"question", "Who is wearing it?"},
                            {"answer", "women"},
                            {"types", {{"structural", "query"}}}}}};
  folder.write("gqa/data/questions1.2/testdev_balanced_questions.json", questions.dump());
  folder.write("gqa/data/images/n161313.jpg", fake_png(1));
  const auto options = options_for("gqa", folder / "gqa");
  const auto loaded = load(options, folder);
  ASSERT_EQ(loaded.size(), 2u);
  EXPECT_EQ(loaded[0].id, "201307251");
  EXPECT_EQ(loaded[0].prompt, "Is it overcast?" + kRequest);
  const auto scored = score_with(options, loaded, {"No.", "The women"});
  EXPECT_EQ(metric(scored, "accuracy").value, 50);
  EXPECT_EQ(metric(scored, "split/binary").value, 100);
  EXPECT_EQ(metric(scored, "split/open").value, 0);
  EXPECT_EQ(metric(scored, "accuracy").chance, 25) << "a coin for yes or no";
  EXPECT_EQ(metric(scored, "accuracy").majority, 50);
}

TEST(VqaV2, QuestionsAndAnnotations) {
  const TempFolder folder;
  json asked = {{"questions", {{{"image_id", 262148}, {"question", "Where is he?"}, {"question_id", 262148000}}}},
                {"data_subtype", "val2014"}};
  const std::string name = "vqav2/v2_OpenEnded_mscoco_val2014_questions.json";
  const auto options = options_for("vqav2", folder.write(name, asked.dump()));
  folder.write("vqav2/val2014/COCO_val2014_000000262148.jpg", fake_png(1));
  EXPECT_THAT(load_error(options, folder), HasSubstr("v2_mscoco_val2014_annotations.json, are not beside it"));
  const json notes = {
      {"annotations",
       {{{"question_id", 262148000}, {"answer_type", "other"}, {"answers", as_objects(ten("Down", "down", 10))}}}}};
  folder.write("vqav2/v2_mscoco_val2014_annotations.json", notes.dump());
  const auto questions = load(options, folder);
  EXPECT_EQ(questions[0].image_names[0], "COCO_val2014_000000262148.jpg");
  EXPECT_EQ(questions[0].category, "other");
  EXPECT_EQ(metric(score_with(options, questions, {"Down"}), "accuracy").value, 100);
  EXPECT_EQ(metric(score_with(options, questions, {"down"}), "accuracy").value, 0)
      << "where all people agree the official evaluation compares texts as they are";
  folder.write("vqav2/v2_mscoco_val2014_annotations.json", R"({"annotations": [{"question_id": 1, "answers": []}]})");
  EXPECT_THAT(load_error(options, folder), HasSubstr("holds no answers to question '262148000'"));
}

TEST(VqaV2, ABadRowOfEitherFileIsOneQuestion) {
  const TempFolder folder;
  const auto question = [](int id) {
    return R"({"image_id": 1, "question": "Where?", "question_id": )" + std::to_string(id) + "}";
  };
  const auto options = options_for(
      "vqav2", folder.write("vqav2/v2_OpenEnded_mscoco_val2014_questions.json",
                            R"({"info": {"a": [1]}, "questions": [7, )" + question(10) + ", " + question(11) +
                                ", [8], " + question(12) + R"(], "data_subtype": "val2014"})"));
  folder.write("vqav2/val2014/COCO_val2014_000000000001.jpg", fake_png(1));
  const auto answers = json(as_objects(ten("Down", "down", 10))).dump();
  folder.write("vqav2/v2_mscoco_val2014_annotations.json",
               R"({"annotations": [null, {"question_id": []}, {"question_id": 10, "answers": )" + answers +
                   R"(}, {"question_id": 11, "answers": 5}]})");
  const auto loaded = make_benchmark(options)->load_usable((folder / "cache").string());
  ASSERT_EQ(loaded.questions.size(), 1u);
  EXPECT_EQ(loaded.questions[0].id, "10");
  std::vector<std::string> reasons;
  for (const auto& row : loaded.unusable) reasons.push_back(row.reason);
  EXPECT_THAT(reasons, ElementsAre(HasSubstr("row 0 of 'questions' is not a JSON object"), HasSubstr("one reference"),
                                   HasSubstr("row 3 of 'questions' is not a JSON object"),
                                   HasSubstr("it has no reference answers")));
}

TEST(VqaV2, ATestSetHasAnswersButNoMetrics) {
  const TempFolder folder;
  const auto options = options_for(
      "vqav2",
      folder.write(
          "llava_vqav2_mscoco_test-dev2015.jsonl",
          json{{"question_id", 5}, {"image", "COCO_test2015_000000000001.jpg"}, {"text", "What?" + kRequest}}.dump() +
              "\n"));
  folder.write("test2015/COCO_test2015_000000000001.jpg", fake_png(1));
  const auto questions = load(options, folder);
  EXPECT_EQ(questions[0].prompt, "What?" + kRequest);
  EXPECT_EQ(questions[0].question, "What?");
  EXPECT_TRUE(questions[0].answers.empty());
  EXPECT_TRUE(score_with(options, questions, {"red"}).metrics.empty());
}

TEST(VizWiz, ValidationSetAndPrompts) {
  const TempFolder folder;
  const json list = json::array({{{"image", "VizWiz_val_00000000.jpg"},
                                  {"question", "Ok. There is ANOTHER picture?"},
                                  {"answers", as_objects(ten("unanswerable", "no", 7))},
                                  {"answer_type", "unanswerable"}}});
  folder.write("vizwiz/Annotations/val.json", list.dump());
  folder.write("vizwiz/val/VizWiz_val_00000000.jpg", fake_png(1));
  auto options = options_for("vizwiz", folder / "vizwiz");
  const auto questions = load(options, folder);
  EXPECT_EQ(questions[0].prompt, "Ok. There is ANOTHER picture?" + kInsufficient + kRequest);
  EXPECT_EQ(questions[0].id, "VizWiz_val_00000000.jpg");
  EXPECT_NEAR(metric(score_with(options, questions, {"Unanswerable"}), "category/unanswerable").value, 100, 1e-9);
  options.style = PromptStyle::kVlmEvalKit;
  EXPECT_EQ(load(options, folder)[0].prompt, "Ok. There is ANOTHER picture?");
  options.style = PromptStyle::kLmmsEval;
  EXPECT_EQ(load(options, folder)[0].prompt, "Ok. there is another picture?" + kInsufficient + kRequest);
}

TEST(VizWiz, VlmEvalKitsColumnIsAnswers) {
  const TempFolder folder;
  const std::string table = "index\timage\tquestion\tanswers\n0\t" + base64(fake_png(1)) + "\tq?\t['a', 'a', 'b']\n";
  EXPECT_THAT(load(options_for("vizwiz", folder.write("VizWiz.tsv", table)), folder)[0].answers,
              ElementsAre("a", "a", "b"));
}

TEST(ChartQa, HalvesAndTheirMean) {
  const TempFolder folder;
  folder.write("test/test_human.json", R"([{"imgname": "1.png", "query": "How many?", "label": "14"},
                                           {"imgname": "1.png", "query": "Colour?", "label": "Red"},
                                           {"imgname": "1.png", "query": "Year?", "label": "2010"}])");
  folder.write("test/test_augmented.json", R"([{"imgname": "2.png", "query": "Share?", "label": "12.5"}])");
  for (const char* name : {"test/png/1.png", "test/png/2.png"}) folder.write(name, fake_png(1));
  auto options = options_for("chartqa", folder.text());
  const auto questions = load(options, folder);
  ASSERT_EQ(questions.size(), 4u);
  EXPECT_EQ(questions[3].id, "augmented/0");
  const auto scored = score_with(options, questions, {"14.5", "red", "1900", "13.5"});
  EXPECT_EQ(metric(scored, "relaxed_accuracy").value, 50);
  EXPECT_NEAR(metric(scored, "split/human").value, 200 / 3.0, 1e-9);
  EXPECT_NEAR(metric(scored, "mean_of_halves").value, 100 / 3.0, 1e-9);
  EXPECT_EQ(metric(scored, "relaxed_accuracy").majority, 25);
  options.style = PromptStyle::kLmmsEval;
  EXPECT_EQ(load(options, folder)[0].prompt, "How many?\nAnswer the question with a single word.");
}

TEST(DocVqa, OriginalLayout) {
  const TempFolder folder;
  const json data = {{"data",
                      {{{"questionId", 49153},
                        {"question", "What is the ‘actual’ value?"},
                        {"image", "documents/pybv0228_81.png"},
                        {"answers", {"0.28", "0.280"}},
                        {"question_types", {"table/list", "form"}}}}}};
  folder.write("spdocvqa_qas/val_v1.0_withQT.json", data.dump());
  folder.write("spdocvqa_images/pybv0228_81.png", fake_png(1));
  const auto options = options_for("docvqa", folder.text());
  const auto questions = load(options, folder);
  EXPECT_THAT(questions[0].splits, ElementsAre("table/list", "form"));
  EXPECT_EQ(metric(score_with(options, questions, {"0.28"}), "anls").value, 100);
  EXPECT_NEAR(metric(score_with(options, questions, {"0.29"}), "anls").value, 75, 1e-9);
}

TEST(Seed, ABadRowIsOneQuestion) {
  const TempFolder folder;
  const std::string good =
      R"({"question_id": "2", "data_type": "image", "data_id": "x", "question": "How many?", "question_type_id": 5,
      "choice_a": "One", "choice_b": "Two", "choice_c": "Ten", "choice_d": "None", "answer": "A"})";
  folder.write("SEED-Bench-image/x", fake_png(1));
  const auto options = options_for(
      "seed",
      folder.write("SEED-Bench.json", R"({"questions": [{"question_id": "1", "data_type": "image"}, )" + good + "]}"));
  const auto loaded = make_benchmark(options)->load_usable((folder / "cache").string());
  ASSERT_EQ(loaded.questions.size(), 1u);
  ASSERT_EQ(loaded.unusable.size(), 1u);
  EXPECT_EQ(loaded.unusable[0].id, "1");
}

TEST(Seed, OriginalLayoutAndRules) {
  const TempFolder folder;
  json rows = json::array();
  for (const char* type : {"image", "video"}) {
    rows.push_back({{"question_id", std::string(type) + "1"},
                    {"data_type", type},
                    {"data_id", "1454426_2591111986"},
                    {"question", "How many?"},
                    {"question_type_id", 5},
                    {"choice_a", "One"},
                    {"choice_b", "Two"},
                    {"choice_c", "Ten"},
                    {"choice_d", "None"},
                    {"answer", "B"}});
  }
  folder.write("SEED-Bench.json", json{{"questions", rows}, {"question_type", {{"Instance Counting", 5}}}}.dump());
  folder.write("SEED-Bench-image/1454426_2591111986", fake_png(1));
  auto options = options_for("seed", folder.text());
  const auto questions = load(options, folder);
  ASSERT_EQ(questions.size(), 1u) << "videos are another benchmark";
  EXPECT_EQ(
      questions[0].prompt,
      "How many?\nA. One\nB. Two\nC. Ten\nD. None\nAnswer with the option's letter from the given choices directly.");
  const auto value = [&](Matcher matcher, const std::string& answer) {
    options.matcher = matcher;
    return metric(score_with(options, questions, {answer}), "accuracy").value;
  };
  EXPECT_EQ(value(Matcher::kOfficial, "B."), 0);
  EXPECT_EQ(value(Matcher::kOfficial, "B\n"), 100);
  EXPECT_EQ(value(Matcher::kLmmsEval, "b) Two"), 100);
  EXPECT_EQ(value(Matcher::kDefault, "(B)"), 100);
}

TEST(LlavaWild, CollectsAnswers) {
  const TempFolder folder;
  folder.write("w/questions.jsonl",
               R"({"question_id": 0, "image": "001.jpg", "category": "conv", "text": "What is the name?"})");
  folder.write("w/images/001.jpg", fake_png(1));
  auto options = options_for("llava_w", folder / "w");
  const auto questions = load(options, folder);
  EXPECT_EQ(questions[0].prompt, "What is the name?");
  const auto scored = score_with(options, questions, {"Diamond Head"});
  EXPECT_TRUE(scored.metrics.empty());
  EXPECT_EQ(scored.unreadable, 0);
  EXPECT_TRUE(matchers_of("llava_w").empty());
  options.matcher = Matcher::kStrict;
  EXPECT_THAT(message_of([&] { make_benchmark(options); }), HasSubstr("collected, not scored"));
}

TEST(OpenPrompts, AreLmmsEvalsOwn) {
  const std::map<std::string, OpenPrompt> kinds = {{"textvqa", OpenPrompt::kTextVqa}, {"vizwiz", OpenPrompt::kVizWiz},
                                                   {"vqav2", OpenPrompt::kShort},     {"gqa", OpenPrompt::kShort},
                                                   {"chartqa", OpenPrompt::kChartQa}, {"docvqa", OpenPrompt::kShort}};
  for_each_json_line(testing::golden("vqa_prompts.jsonl"), [&](const json& row, const std::string& where) {
    const auto tokens = row.value("ocr_tokens", std::vector<std::string>());
    EXPECT_EQ(open_prompt(PromptStyle::kLmmsEval, kinds.at(row.at("task")), row.at("question"),
                          row.contains("ocr_tokens") ? &tokens : nullptr),
              row.at("prompt").get<std::string>())
        << where;
  });
}

TEST(OpenAnswers, RefuseUnknownMatchers) {
  auto options = options_for("chartqa", "x");
  options.matcher = Matcher::kOfficial;
  EXPECT_THAT(message_of([&] { make_benchmark(options); }), HasSubstr("chartqa"));
  EXPECT_THAT(matchers_of("chartqa"), ElementsAre("vk-2026", "vk-2025", "vk-2024", "lmms-eval", "strict"));
}

TEST(OpenAnswers, BadFilesAreNamed) {
  const TempFolder folder;
  const auto error = [&](const std::string& name, const std::string& bytes) {
    auto options = options_for("textvqa", folder.write(name, bytes));
    options.ocr_tokens = false;
    return load_error(options, folder);
  };
  EXPECT_THAT(error("a.json", "<!DOCTYPE html>\n<html>login</html>"),
              HasSubstr("a.json: is an HTML page, not a benchmark"));
  EXPECT_THAT(
      error("b.json", R"({"data": [{"question_id": 1, "question": "q", "image_id": "x", "answers": ["a", "b"]}, )"),
      HasSubstr("b.json: is not valid JSON"));
  EXPECT_THAT(error("c.json", R"({"info": 1})"), HasSubstr("holds no list of questions (looked for 'data')"));
  EXPECT_THAT(error("d.json", R"({"data": [{"question_id": 1, "image_id": "x", "answers": ["a", "b"]}]})"),
              HasSubstr("has no column 'question' (it has answers, image_id, question_id)"));
  EXPECT_THAT(error("e.json", R"({"data": [{"question_id": 1, "question": "q", "image_id": "x", "answers": "a"}]})"),
              HasSubstr("(question '1') has one reference answer, 'a', where a list of several is expected"));
  EXPECT_THAT(error("f.json", R"({"data": [{"question_id": 1, "question": "q", "image_id": "x", "answers": []}]})"),
              HasSubstr("has an empty list of answers"));
  EXPECT_THAT(error("g.json", ""), HasSubstr("g.json: is empty"));
  EXPECT_THAT(error("h.txt", "plain text"), HasSubstr("neither a table"));
  const std::string head = "index\timage\tquestion\tanswer\n", image = base64(fake_png(1));
  EXPECT_THAT(error("i.tsv", head + "1\t" + image + "\tq\t['a', b c]\n"), HasSubstr("'answer' looks like a list, but"));
  EXPECT_THAT(error("j.tsv", head + "1\t9\tq\t['a', 'b']\n"), HasSubstr("/9 is missing"));
  folder.write("x.jpg", fake_png(1));
  const std::string row = R"({"question_id": 1, "question": "q", "image": "x.jpg", "answers": ["a", "b"]})";
  EXPECT_THAT(error("k.jsonl", row + "\n" + row + "\n"), HasSubstr("row 1 repeats the id"));
  EXPECT_THAT(error("l.jsonl", row + "\n" + R"({"question_id": 2, "question": "q", "image": "x.jpg"})" + "\n"),
              HasSubstr("question '2' cannot be used: it has no reference answers, while 1 of 2 questions have some"));
  folder.write("split/validation-00000-of-00001.parquet", "PAR1");
  folder.write("split/test-00000-of-00001.parquet", "PAR1");
  EXPECT_THAT(load_error(options_for("docvqa", folder / "split"), folder),
              HasSubstr("several splits (test, validation)"));
}

}  // namespace
}  // namespace scalselect::eval
