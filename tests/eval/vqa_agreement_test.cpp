// Scores of open answers against the public harnesses' own functions: golden/make_vqa.py.
//
// AGREEMENT_CSV=FILE also writes the table that results/eval/ holds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/options.h"
#include "eval/registry.h"
#include "eval/vqa_rows.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using nlohmann::json;

struct Harness {
  const char* matcher;
  const char* name;
  const char* commit;
};

const std::vector<Harness> kHarnesses = {{"official", "", ""},
                                         {"vk-2024", "VLMEvalKit", "aca64dbb"},
                                         {"vk-2025", "VLMEvalKit", "590f052a"},
                                         {"vk-2026", "VLMEvalKit", "e8e78f05"},
                                         {"lmms-eval", "lmms-eval", "75571cfe"}};

std::string official_name(const std::string& kind) { return kind == "vqav2" ? "GT-Vision-Lab/VQA" : "LLaVA"; }
std::string official_commit(const std::string& kind) { return kind == "vqav2" ? "a013f004" : "c121f043"; }

struct Tally {
  std::size_t answers = 0, equal = 0;
  double ours = 0, theirs = 0;
};

// Compares every stored score with ours, to the bit.
std::map<std::string, Tally> compare(const std::string& kind) {
  std::map<std::string, std::unique_ptr<Benchmark>> benchmarks;
  std::vector<Question> questions;
  std::map<std::string, Tally> tallies;
  for_each_row(testing::golden("vqa_" + kind + ".jsonl.gz"), {}, [&](const json& row, const std::string& where) {
    if (row.contains("question")) {
      Question question;
      question.answers = row.at("answers").get<std::vector<std::string>>();
      if (kind == "seed") question.options = {{"A", "one"}, {"B", "two"}, {"C", "three"}, {"D", "four"}};
      questions.push_back(question);
      return;
    }
    for (const auto& harness : kHarnesses) {
      if (!row.contains(harness.matcher)) continue;
      auto& benchmark = benchmarks[harness.matcher];
      if (!benchmark) {
        benchmark = make_benchmark(bind_options<BenchmarkOptions>(json{{"kind", kind}, {"matcher", harness.matcher}}));
      }
      const double theirs = row.at(harness.matcher);
      const double ours = benchmark->judge(questions.at(row.at("of")), row.at("response")).score;
      Tally& tally = tallies[harness.matcher];
      ++tally.answers;
      tally.equal += ours == theirs;
      tally.ours += ours;
      tally.theirs += theirs;
      EXPECT_EQ(ours, theirs) << where << ", " << harness.matcher << ": " << row.dump() << " of "
                              << json(questions.at(row.at("of")).answers).dump();
    }
  });
  return tallies;
}

void check(const std::string& kind, std::size_t matchers) {
  const auto tallies = compare(kind);
  EXPECT_EQ(tallies.size(), matchers);
  const char* file = std::getenv("AGREEMENT_CSV");
  for (const auto& harness : kHarnesses) {
    if (!tallies.contains(harness.matcher)) continue;
    const Tally& tally = tallies.at(harness.matcher);
    EXPECT_GE(tally.answers, 2000u);
    const auto count = static_cast<double>(tally.answers);
    EXPECT_GT(tally.theirs, 0.05 * count) << "answers that are all wrong show nothing";
    EXPECT_LT(tally.theirs, 0.95 * count);
    if (file == nullptr) continue;
    const bool official = harness.matcher == std::string("official");
    std::ofstream(file, std::ios::app) << fmt::format(
        "{},{},{},{},{},{},{:.10f},{:.10f}\n", kind, harness.matcher, official ? official_name(kind) : harness.name,
        official ? official_commit(kind) : harness.commit, tally.answers, tally.equal, 100 * tally.ours / count,
        100 * tally.theirs / count);
  }
}

TEST(VqaAgreement, TextVqa) { check("textvqa", 5); }
TEST(VqaAgreement, VizWiz) { check("vizwiz", 5); }
TEST(VqaAgreement, VqaV2) { check("vqav2", 5); }
TEST(VqaAgreement, Gqa) { check("gqa", 5); }
TEST(VqaAgreement, ChartQa) { check("chartqa", 4); }
TEST(VqaAgreement, DocVqa) { check("docvqa", 4); }
TEST(VqaAgreement, Seed) { check("seed", 2); }

}  // namespace
}  // namespace scalselect::eval
