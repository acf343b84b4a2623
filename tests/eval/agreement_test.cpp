// Thousands of answers that are hard to read, and what the public harnesses' own code makes of them
// (golden/make_agreement.py): each verdict and each score. With SCALSELECT_AGREEMENT=FILE the results are written
// there.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "data/byte_stream.h"
#include "eval/json_files.h"
#include "eval/registry.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using nlohmann::json;

struct Row {
  Question question;
  std::string response;
  json verdicts;
};

std::vector<Row> read_rows(const std::string& name) {
  const auto stream = FileBytes(testing::golden("agreement_" + name + ".jsonl.gz")).open();
  std::string text(1 << 16, '\0'), all;
  while (const auto count = stream->read(text.data(), text.size())) all.append(text.data(), count);
  std::vector<Row> rows;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = all.find('\n', begin);
    const json line = json::parse(all.substr(begin, end - begin));
    begin = end + 1;
    Row row{.question = {}, .response = line.at("r"), .verdicts = line.at("v")};
    row.question.id = line.at("i");
    row.question.group = row.question.cluster = line.at("g");
    row.question.category = row.question.stratum = line.at("c");
    row.question.splits = line.at("s").get<std::vector<std::string>>();
    row.question.answers = line.at("a").get<std::vector<std::string>>();
    row.question.rotation = name == "mmbench" ? std::stoi(row.question.id) / 1000000 : 0;
    for (const auto& option : line.at("o")) row.question.options.push_back({option.at(0), option.at(1)});
    rows.push_back(std::move(row));
  }
  return rows;
}

const std::map<std::string, Matcher> kMatchers = {
    {"vk-2024", Matcher::kVk2024},    {"vk-2025", Matcher::kVk2025},     {"vk-2026", Matcher::kVk2026},
    {"official", Matcher::kOfficial}, {"lmms-eval", Matcher::kLmmsEval}, {"lmms-eval, texts", Matcher::kLmmsEval}};

const std::map<std::string, std::string> kHarnesses = {
    {"vk-2024", "open-compass/VLMEvalKit,aca64dbb"},
    {"vk-2025", "open-compass/VLMEvalKit,590f052a"},
    {"vk-2026", "open-compass/VLMEvalKit,e8e78f05"},
    {"lmms-eval", "EvolvingLMMs-Lab/lmms-eval,75571cfe"},
    {"lmms-eval, texts", "EvolvingLMMs-Lab/lmms-eval,75571cfe"},
    {"official mme", "BradyFU/Awesome-Multimodal-Large-Language-Models,1c1d69e1"},
    {"official", "haotian-liu/LLaVA,c121f043"}};

// Shortest text that gives the number back.
std::string exact(double value) { return json(value).dump(); }

class Agreement : public ::testing::TestWithParam<const char*> {
 protected:
  // "" and the table's name where all is equal; the verdicts that differ are failures.
  void compare(const std::string& kind, const std::string& matcher, const json& scores) {
    BenchmarkOptions options;
    options.kind = kind;
    options.matcher = kMatchers.at(matcher);
    if (matcher == "lmms-eval, texts") options.style = PromptStyle::kLmmsEvalQwen;
    const auto bench = make_benchmark(options);
    const auto rows = read_rows(kind);
    EXPECT_GE(rows.size(), 2000u);
    std::vector<Question> questions;
    std::vector<Outcome> outcomes;
    std::size_t equal = 0;
    for (const auto& row : rows) {
      questions.push_back(row.question);
      outcomes.push_back(bench->judge(row.question, row.response));
      const json& theirs = row.verdicts.at(matcher);
      const auto& outcome = outcomes.back();
      const bool same = theirs.is_string() ? theirs.get<std::string>() == outcome.parsed.value
                                           : theirs.get<double>() == outcome.score;
      equal += same;
      EXPECT_TRUE(same) << kind << ", " << matcher << ": '" << row.response << "' of " << row.question.id
                        << " is read as '" << outcome.parsed.value << "', theirs is " << theirs.dump();
    }
    const auto scored = bench->aggregate(questions, outcomes);
    for (const auto& [metric, theirs] : scores.items()) {
      const auto* ours = scored.find(metric);
      ASSERT_NE(ours, nullptr) << kind << ", " << matcher << ": " << metric;
      // Two harnesses add in other orders than this one does: a unit in the last place.
      EXPECT_DOUBLE_EQ(ours->metric.value, theirs.get<double>()) << kind << ", " << matcher << ": " << metric;
    }
    if (const char* file = std::getenv("SCALSELECT_AGREEMENT")) {
      const auto named = kHarnesses.find(matcher + " " + kind);
      const std::string main = scores.contains("accuracy")     ? "accuracy"
                               : scores.contains("points")     ? "points"
                               : scores.contains("perception") ? "perception"
                                                               : "pooled_f1";
      std::ofstream out(file, std::ios::app);
      if (out.tellp() == 0) out << "benchmark,matcher,harness,commit,answers,equal,metric,ours,theirs\n";
      out << kind << ",\"" << matcher << "\"," << (named == kHarnesses.end() ? kHarnesses.at(matcher) : named->second)
          << "," << rows.size() << "," << equal << "," << main << "," << exact(scored.find(main)->metric.value) << ","
          << exact(scores.at(main).get<double>()) << "\n";
    }
  }
};

TEST_P(Agreement, EveryVerdictAndScoreIsTheHarnesss) {
  const json all = parse_json_file(testing::golden("agreement.json"));
  for (const auto& [matcher, scores] : all.at(GetParam()).items()) compare(GetParam(), matcher, scores);
}

INSTANTIATE_TEST_SUITE_P(Benchmarks, Agreement,
                         ::testing::Values("mmbench", "ai2d", "scienceqa", "pope", "mme", "ocrbench"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace scalselect::eval
