// The mini world's benchmark files, read by the readers of the real ones.
#include <gtest/gtest.h>

#include <map>

#include "data/mini/benchmarks.h"
#include "eval/registry.h"
#include "eval/skills.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

struct Layout {
  const char* kind;
  const char* path;
  std::size_t rows_an_item;
};

const std::map<std::string, Layout> kLayouts = {
    {"mini-mmbench", {"mmbench", "MMBench_DEV_EN.tsv", 0}},
    {"mini-pope", {"pope", "", 1}},
    {"mini-mme", {"mme", "", 1}},
    {"mini-ai2d", {"ai2d", "AI2D_TEST.tsv", 1}},
    {"mini-scienceqa", {"scienceqa", "", 1}},
    {"mini-ocrbench", {"ocrbench", "OCRBench.json", 1}},
};

TEST(MiniWorld, EveryBenchmarkLoadsAndAnOracleScoresFull) {
  mini::MiniWorldOptions options;
  options.questions_per_skill = 22;
  options.pope_images = 3;
  const testing::TempFolder folder;
  const auto plans = mini::plan_benchmarks(options);
  ASSERT_EQ(plans.size(), kLayouts.size());
  for (const auto& plan : plans) {
    SCOPED_TRACE(plan.name);
    const Layout& layout = kLayouts.at(plan.name);
    for (const auto& [name, bytes] : mini::benchmark_files(plan, options.seed))
      folder.write(plan.name + "/" + name, bytes);
    BenchmarkOptions bench_options;
    bench_options.kind = layout.kind;
    bench_options.name = plan.name;
    bench_options.path = (folder / plan.name / layout.path).string();
    const auto bench = make_benchmark(bench_options);
    const auto questions = bench->load((folder / "cache").string());
    if (layout.rows_an_item > 0) {
      EXPECT_EQ(questions.size(), plan.items.size() * layout.rows_an_item);
    }
    std::vector<Outcome> oracle, first_option;
    for (const auto& question : questions) {
      EXPECT_FALSE(question.skill.empty());
      oracle.push_back(bench->judge(question, question.answers.front()));
      first_option.push_back(bench->judge(question, question.options.empty() ? "Yes" : "A"));
    }
    const auto scored = bench->aggregate(questions, oracle);
    for (const auto& stats : scored.metrics) {
      if (!stats.metric.column) continue;
      EXPECT_DOUBLE_EQ(stats.metric.value, stats.metric.scale_max) << stats.metric.name;
    }
    EXPECT_EQ(scored.unreadable, 0);
    for (const auto& stats : bench->aggregate(questions, first_option).metrics) {
      // A constant answer scores no more than the stated level; "Yes" may contain a one-letter answer of OCRBench.
      if (!stats.metric.column || plan.name == "mini-ocrbench") continue;
      EXPECT_LE(stats.metric.value, stats.metric.majority + 1e-9) << stats.metric.name;
    }
    for (const auto& skill : skill_scores(questions, oracle)) EXPECT_DOUBLE_EQ(skill.accuracy, 100) << skill.skill;
  }
}

}  // namespace
}  // namespace scalselect::eval
