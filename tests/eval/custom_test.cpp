#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/options.h"
#include "eval/registry.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::fake_png;
using ::testing::HasSubstr;
using testing::TempFolder;

BenchmarkOptions custom(const TempFolder& folder, const std::string& name, const std::string& bytes,
                        const json& settings, const json& more = json::object()) {
  json options = {{"kind", "custom"}, {"path", folder.write(name, bytes)}, {"custom", settings}};
  options.update(more);
  return bind_options<BenchmarkOptions>(options);
}

std::vector<Question> load(const BenchmarkOptions& options, const TempFolder& folder) {
  return make_benchmark(options)->load((folder / "cache").string());
}

double accuracy(const BenchmarkOptions& options, const std::vector<Question>& questions,
                const std::vector<std::string>& answers) {
  const auto bench = make_benchmark(options);
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < questions.size(); ++i) outcomes.push_back(bench->judge(questions[i], answers.at(i)));
  return bench->aggregate(questions, outcomes).find("accuracy")->metric.value;
}

TEST(Custom, CsvWithOptionColumns) {
  const TempFolder folder;
  folder.write("photos/a.png", fake_png(1));
  const auto options =
      custom(folder, "signs.csv",
             "no,photo,text,yes,no way,right,kind\n1,a.png,\"Is it \"\"red\"\", or\nnot?\",Red,Blue,B,colour\n",
             {{"id", "no"},
              {"image", "photo"},
              {"question", "text"},
              {"options", {"yes", "no way"}},
              {"answer", "right"},
              {"category", "kind"},
              {"metric", "choice"}},
             {{"images", (folder / "photos").string()}});
  const auto questions = load(options, folder);
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_EQ(questions[0].prompt,
            "Is it \"red\", or\nnot?\nA. Red\nB. Blue\nAnswer with the option's letter from the given "
            "choices directly.");
  EXPECT_EQ(questions[0].category, "colour");
  EXPECT_EQ(questions[0].cluster, "a.png");
  EXPECT_EQ(accuracy(options, questions, {"B. Blue"}), 100);
}

TEST(Custom, AnswersByNumberAndByText) {
  const TempFolder folder;
  const json settings = {{"id", ""}, {"image", ""}, {"options", {"choices"}}, {"metric", "choice"}};
  auto by_number = settings;
  by_number["choice"] = "number";
  const auto numbered =
      custom(folder, "n.jsonl", R"({"question": "q", "choices": ["x", "y", "z"], "answer": 2})", by_number);
  EXPECT_THAT(load(numbered, folder)[0].answers, ElementsAre("C"));
  auto by_text = settings;
  by_text["choice"] = "text";
  by_text["separator"] = "|";
  const auto texts = custom(folder, "t.csv", "question,choices,answer\nq,x| y |z,y\n", by_text);
  EXPECT_THAT(load(texts, folder)[0].answers, ElementsAre("B"));
  const auto wrong = custom(folder, "w.csv", "question,choices,answer\nq,x|y,A\n", by_text);
  EXPECT_THAT(message_of([&] { load(wrong, folder); }),
              HasSubstr("has the answer 'A', which is none of its 2 options"));
  const auto twice = custom(folder, "v.csv", "question,choices,answer\nq,x|x,x\n", by_text);
  EXPECT_THAT(message_of([&] { load(twice, folder); }), HasSubstr("fits several of its 2 options"));
}

TEST(Custom, PromptTemplates) {
  const TempFolder folder;
  const std::string row = R"({"id": 4, "question": "How far?", "unit": "km", "answer": "12"})";
  const auto prompt = [&](const std::string& form) {
    const auto options = custom(folder, "p.jsonl", row, {{"image", ""}, {"prompt", form}, {"metric", "relaxed"}});
    return load(options, folder)[0].prompt;
  };
  EXPECT_EQ(prompt("{{x}} {question} Answer in {unit}."), "{x} How far? Answer in km.");
  EXPECT_THAT(message_of([&] { prompt("{units}"); }),
              HasSubstr("has no column 'units' (it has answer, id, question, unit)"));
  EXPECT_THAT(message_of([&] { prompt("{question"); }), HasSubstr("never closes"));
}

TEST(Custom, MetricsScoreAsTheirBenchmarksDo) {
  const TempFolder folder;
  const auto value = [&](const std::string& metric, const json& answers, const std::string& response) {
    const json row = {{"id", 1}, {"question", "q"}, {"answer", answers}};
    const auto options = custom(folder, "m.jsonl", row.dump(), {{"image", ""}, {"metric", metric}});
    return accuracy(options, load(options, folder), {response});
  };
  EXPECT_EQ(value("exact", {"stop", "halt"}, "Halt."), 100);
  EXPECT_EQ(value("relaxed", "100", "104"), 100);
  EXPECT_EQ(value("anls", "1998", "1989"), 50);
  EXPECT_NEAR(value("soft", {"a b", "a b", "c", "c"}, "c"), 100 * (1 / 3. + 1 / 3. + 2 / 3. + 2 / 3.) / 4, 1e-9);
  EXPECT_EQ(value("contains", "Stop", "It says STOP there"), 100);
  EXPECT_EQ(value("yes_no", "Yes", "yes, it is"), 100);
  EXPECT_EQ(value("yes_no", "no", "perhaps"), 0);
}

TEST(Custom, MetricNoneOnlyCollects) {
  const TempFolder folder;
  const auto options =
      custom(folder, "c.jsonl", R"({"id": 1, "question": "Describe it."})", {{"image", ""}, {"metric", "none"}});
  const auto questions = load(options, folder);
  EXPECT_EQ(questions[0].prompt, "Describe it.");
  const std::vector<Outcome> outcomes = {make_benchmark(options)->judge(questions[0], "A long answer.")};
  EXPECT_TRUE(make_benchmark(options)->aggregate(questions, outcomes).metrics.empty());
}

TEST(Custom, JsonListsAndBase64) {
  const TempFolder folder;
  const json rows = {{"meta", {{"x", 1}}},
                     {"items",
                      {{{"id", "a"},
                        {"question", "q"},
                        {"answer", "b"},
                        {"image", "data:image/png;base64," + testing::base64(fake_png(3))}}}}};
  const auto options = custom(folder, "list.json", rows.dump(), {{"list", "items"}});
  EXPECT_TRUE(std::filesystem::is_regular_file(load(options, folder)[0].images[0]));
}

TEST(Custom, ABadRowCostsItself) {
  const TempFolder folder;
  folder.write("a.png", fake_png(1));
  const std::string rows =
      R"([{"no": "one", "image": "a.png", "q": "?", "o": ["x", "y"], "a": "A"},
          {"no": "two", "image": "data:image/png;base64,@@@@", "q": "?", "o": ["x", "y"], "a": "A"},
          {"no": "three", "image": "a.png", "q": "?", "o": ["x", "y"], "a": "C"},
          {"no": "four", "image": [], "q": "?", "o": ["x", "y"], "a": "B"},
          {"image": "a.png", "q": "?", "o": ["x", "y"], "a": "B"}])";
  const json settings = {{"id", "no"},       {"image", "image"}, {"question", "q"},
                         {"options", {"o"}}, {"answer", "a"},    {"metric", "choice"}};
  const auto loaded = make_benchmark(custom(folder, "rows.json", rows, settings))->load_usable("");
  ASSERT_EQ(loaded.questions.size(), 1u);
  EXPECT_EQ(loaded.questions[0].id, "one");
  ASSERT_EQ(loaded.unusable.size(), 4u);
  EXPECT_EQ(loaded.unusable[0].id, "two");
  EXPECT_THAT(loaded.unusable[0].reason, HasSubstr("its image cannot be decoded"));
  EXPECT_THAT(loaded.unusable[1].reason, HasSubstr("has the answer 'C', which is none of its 2 options"));
  EXPECT_THAT(loaded.unusable[2].reason, HasSubstr("has no image"));
  EXPECT_EQ(loaded.unusable[3].id, "row 4");
  EXPECT_THAT(loaded.unusable[3].reason, HasSubstr("row 4 has no column 'no'"));
}

TEST(Custom, ASettingThatNamesNoColumnIsRefused) {
  const TempFolder folder;
  const std::string table = "id,question,Hint,A,B,answer\n1,q,,x,y,A\n2,q,,x,,A\n";
  const auto error = [&](json settings) {
    settings["image"] = "";
    const auto options = custom(folder, "t.csv", table, settings);
    return message_of([&] { load(options, folder); });
  };
  EXPECT_THAT(error({{"options", {"A", "B", "X"}}, {"metric", "exact"}}),
              HasSubstr("custom.options: no row of " + (folder / "t.csv").string() +
                        " has a column 'X' (they have A, B, Hint, answer, id, question)"));
  EXPECT_THAT(error({{"hint", "hint"}}), HasSubstr("custom.hint: no row"));
  EXPECT_THAT(error({{"category", "nope"}}), HasSubstr("custom.category: no row"));
  EXPECT_THAT(error({{"answer", "anwser"}}), HasSubstr("custom.answer: no row"));
  EXPECT_THAT(error({{"options", {"a", "b"}}, {"metric", "choice"}}),
              HasSubstr("has 0 options in the columns 'a', 'b'"));
  EXPECT_EQ(error({{"hint", "Hint"}}), "nothing was thrown") << "a column whose cells are all empty is there";
  EXPECT_EQ(error({{"answer", "anwser"}, {"metric", "none"}}), "nothing was thrown");
}

TEST(Custom, ARowWithoutAnswerCostsItself) {
  const TempFolder folder;
  const std::string rows = R"({"id": 1, "question": "q", "answer": "a"}
{"id": 2, "question": "q", "answer": null}
{"id": 3, "question": "q"}
{"id": 4, "question": "q", "answer": "['a', 'b'"}
{"id": 5, "question": "q", "answer": ""}
)";
  const auto options = custom(folder, "rows.jsonl", rows, {{"image", ""}, {"metric", "contains"}});
  const auto loaded = make_benchmark(options)->load_usable("");
  ASSERT_EQ(loaded.questions.size(), 1u);
  ASSERT_EQ(loaded.unusable.size(), 4u);
  EXPECT_EQ(loaded.unusable[0].reason, "it has no reference answers, while 1 of 3 questions have some");
  EXPECT_EQ(loaded.unusable[1].id, "3");
  EXPECT_THAT(loaded.unusable[2].reason, HasSubstr("row 3: 'answer' looks like a list, but it does not end with ']'"));
  EXPECT_THAT(loaded.unusable[3].reason, HasSubstr("row 4 (question '5') has an empty answer"));
}

TEST(Custom, AnEmptyPictureIsCalledThat) {
  const TempFolder folder;
  const auto error = [&](const std::string& image) {
    const auto row = R"({"id": 1, "question": "q", "answer": "a", "image": )" + image + "}";
    return message_of([&] { load(custom(folder, "n.jsonl", row, json::object()), folder); });
  };
  EXPECT_THAT(error("null"), HasSubstr("row 0 has nothing in its column 'image'"));
  EXPECT_THAT(error("\"\""), HasSubstr("row 0 has no image"));
}

TEST(Custom, ATableNamesPicturesByPathOrByIndex) {
  const TempFolder folder;
  folder.write("a.png", fake_png(1));
  const std::string head = "index\timage\tquestion\tanswer\n", inside = testing::base64(fake_png(2));
  const auto options =
      custom(folder, "t.tsv", head + "0\ta.png\tq\ta\n1\t0\tq\ta\n2\t" + inside + "\tq\ta\n3\t2\tq\ta\n4\t9\tq\ta\n",
             {{"id", "index"}});
  const auto loaded = make_benchmark(options)->load_usable((folder / "cache").string());
  ASSERT_EQ(loaded.questions.size(), 4u);
  EXPECT_EQ(loaded.questions[0].images, loaded.questions[1].images);
  EXPECT_EQ(loaded.questions[1].cluster, "a.png");
  EXPECT_EQ(loaded.questions[2].images, loaded.questions[3].images);
  ASSERT_EQ(loaded.unusable.size(), 1u) << "'9' is neither an index nor a file";
  EXPECT_THAT(loaded.unusable[0].reason, HasSubstr("9 is missing"));
}

TEST(Custom, BadInputNamesTheSetting) {
  const TempFolder folder;
  const auto error = [&](const std::string& bytes, const json& settings, const json& more = json::object()) {
    return message_of([&] { load(custom(folder, "bad.jsonl", bytes, settings, more), folder); });
  };
  const std::string row = R"({"id": 1, "question": "q", "answer": "a"})";
  EXPECT_THAT(error(row, {{"image", ""}, {"question", "text"}}),
              HasSubstr("has no column 'text' (it has answer, id, question)"));
  EXPECT_THAT(error(row, {{"image", ""}, {"question", "text"}}), HasSubstr("Set `custom.question`"));
  EXPECT_THAT(error(row, json::object()), HasSubstr("has no column 'image'"));
  EXPECT_THAT(error(row, {{"image", ""}, {"metric", "choice"}}), HasSubstr("has 0 options"));
  EXPECT_THAT(error(row, {{"image", ""}, {"metric", "yes_no"}}), HasSubstr("has the answer 'a'"));
  EXPECT_THAT(error(row, {{"image", ""}, {"metric", "soft"}}), HasSubstr("has one reference answer, 'a'"));
  EXPECT_THAT(error(row + "\n" + row, {{"image", ""}}), HasSubstr("row 1 repeats the id"));
  EXPECT_THAT(error(row, {{"image", ""}, {"metric", "choice"}}, {{"matcher", "official"}}),
              HasSubstr("has no answer rules 'official'"));
  EXPECT_THAT(error(row, {{"image", ""}, {"metrics", "exact"}}), HasSubstr("Did you mean 'metric'?"));
  EXPECT_THAT(error("a,b", {{"image", ""}}), HasSubstr("neither a table"));
  EXPECT_THAT(message_of([&] {
                load(custom(folder, "bad.csv", "id,question\n1,a,b\n", {{"image", ""}}), folder);
              }),
              HasSubstr("line 2 has 3 cells where the header has 2"));
}

TEST(Custom, ALineThatIsNoObjectCostsItself) {
  const testing::TempFolder folder;
  folder.write("a.png", testing::fake_png(1));
  const auto row = [](int id) {
    return "{\"id\": " + std::to_string(id) + R"(, "image": "a.png", "question": "q", "answer": "a"})";
  };
  BenchmarkOptions options;
  options.kind = "custom";
  options.path =
      folder.write("q.jsonl", row(0) + "\n{\"image\": \"\\x\"}\n" + row(2).substr(0, 20) + "\n" + row(3) + "\n");
  const auto loaded = make_benchmark(options)->load_usable((folder / "cache").string());
  EXPECT_EQ(loaded.questions.size(), 2u);
  ASSERT_EQ(loaded.unusable.size(), 2u);
  EXPECT_EQ(loaded.unusable[0].id, "row 1");
  EXPECT_THAT(loaded.unusable[0].reason, HasSubstr("is not a JSON object"));
  EXPECT_THAT(loaded.unusable[1].reason, HasSubstr("its line ends in the middle of a value"));
}

TEST(Custom, IdsOfManyDigitsStayApart) {
  const testing::TempFolder folder;
  folder.write("a.png", testing::fake_png(1));
  BenchmarkOptions options;
  options.kind = "custom";
  options.path =
      folder.write("q.json", R"([{"id": 12345678901234567890123, "image": "a.png", "question": "q", "answer": "a"},
      {"id": 12345678901234567890124, "image": "a.png", "question": "r", "answer": "a"}])");
  const auto loaded = make_benchmark(options)->load_usable((folder / "cache").string());
  ASSERT_EQ(loaded.questions.size(), 2u);
  EXPECT_EQ(loaded.questions[1].id, "12345678901234567890124");
}

}  // namespace
}  // namespace scalselect::eval
