#include "eval/bootstrap.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "core/parallel.h"
#include "core/rng.h"
#include "eval/metric_stats.h"
#include "eval/metrics.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using ::testing::HasSubstr;

// Two families: accuracy over `images` images with two questions each, and F1 over single questions.
struct Answers {
  std::vector<double> right;  // two per image
  std::vector<int> truth, said;
};

Answers draw(std::uint64_t seed, const std::string& stream, std::size_t images, double skill) {
  Rng rng(seed, stream);
  Rng truths(1, "truth");
  Answers answers;
  for (std::size_t i = 0; i < 2 * images; ++i) answers.right.push_back(rng.chance(skill));
  for (std::size_t i = 0; i < images; ++i) {
    const int truth = truths.chance(0.5);
    answers.truth.push_back(truth);
    answers.said.push_back(rng.chance(skill) ? truth : 1 - truth);
  }
  return answers;
}

std::vector<Cluster> names(std::size_t images) {
  std::vector<Cluster> clusters;
  for (std::size_t i = 0; i < images; ++i) clusters.push_back({i % 3 == 0 ? "a" : "b", fmt::format("{:06}", i)});
  std::sort(clusters.begin(), clusters.end());
  return clusters;
}

double f1_of_sums(std::span<const double> s) { return Confusion{s[0], s[1], s[2], s[3]}.f1(); }

MethodRun make_run(const std::string& method, std::int64_t seed, const Answers& answers) {
  const std::size_t images = answers.truth.size();
  std::vector<std::pair<std::int32_t, double>> items;
  SumCollector counts;
  for (std::size_t i = 0; i < images; ++i) {
    const auto cluster = static_cast<std::int32_t>(i);
    items.emplace_back(cluster, answers.right[2 * i]);
    items.emplace_back(cluster, answers.right[2 * i + 1]);
    counts.add(cluster, answers.truth[i] ? (answers.said[i] ? 0 : 3) : (answers.said[i] ? 1 : 2), 1);
  }
  ScoredBenchmark accuracy{"acc", "one", names(images), {}, 0}, f1{"f1", "two", names(images), {}, 0};
  accuracy.metrics.push_back(
      percent_metric({.name = "accuracy", .display = "Acc", .chance = 25, .column = true}, items));
  f1.metrics.push_back(
      {{.name = "f1", .display = "F1", .chance = 50, .column = true}, 4, counts.entries(), f1_of_sums});
  return {method, seed, {accuracy, f1}};
}

// The same resampling written plainly: draw images one after the other, collect their answers, compute the measures.
std::vector<double> slow_replicate(const Answers& answers, const std::vector<Cluster>& clusters, std::uint64_t seed,
                                   int b) {
  const auto draws = [&](const std::string& family) {
    Rng rng(seed, fmt::format("eval/bootstrap/{}/{}", family, b));
    std::vector<std::size_t> drawn;
    for (std::size_t begin = 0, end = 0; begin < clusters.size(); begin = end) {
      while (end < clusters.size() && clusters[end].stratum == clusters[begin].stratum) ++end;
      for (std::size_t i = begin; i < end; ++i) drawn.push_back(begin + rng.below(end - begin));
    }
    return drawn;
  };
  double right = 0, total = 0;
  for (const std::size_t i : draws("one")) right += answers.right[2 * i] + answers.right[2 * i + 1], total += 2;
  Confusion counts;
  for (const std::size_t i : draws("two")) {
    (answers.truth[i] ? (answers.said[i] ? counts.tp : counts.fn) : (answers.said[i] ? counts.fp : counts.tn)) += 1;
  }
  return {100 * right / total, counts.f1()};
}

TEST(PairedBootstrapTest, AgreesWithAPlainImplementation) {
  const std::size_t images = 40;
  const auto full = draw(1, "full", images, 0.9), random = draw(1, "random", images, 0.7),
             ours = draw(1, "ours", images, 0.8);
  const std::vector<MethodRun> runs = {make_run("full", 1, full), make_run("random", 1, random),
                                       make_run("ours", 1, ours)};
  BootstrapOptions options;
  options.replicates = 300;
  const PairedBootstrap bootstrap(runs, "full", options);
  std::vector<double> rel, difference, column;
  for (int b = 0; b < 300; ++b) {
    const auto f = slow_replicate(full, names(images), options.seed, b),
               r = slow_replicate(random, names(images), options.seed, b),
               o = slow_replicate(ours, names(images), options.seed, b);
    rel.push_back(50 * (o[0] / f[0] + o[1] / f[1]));
    difference.push_back(rel.back() - 50 * (r[0] / f[0] + r[1] / f[1]));
    column.push_back(o[1]);
  }
  const auto check = [](const Estimate& estimate, std::vector<double> values) {
    std::sort(values.begin(), values.end());
    EXPECT_NEAR(estimate.interval.low, quantile(values, 0.025), 1e-9);
    EXPECT_NEAR(estimate.interval.high, quantile(values, 0.975), 1e-9);
  };
  check(bootstrap.relative("ours"), rel);
  check(bootstrap.difference("ours", "random"), difference);
  check(bootstrap.column("ours", 1), column);
  EXPECT_NEAR(bootstrap.relative("full").value, 100, 1e-12);
  EXPECT_NEAR(bootstrap.relative("full").interval.high, 100, 1e-12);
  const auto negative = std::count_if(difference.begin(), difference.end(), [](double x) { return x <= 0; });
  EXPECT_NEAR(bootstrap.difference("ours", "random").p,
              std::min(1.0, 2.0 * (std::min<double>(negative, 300 - negative) + 1) / 301), 0.01);
}

TEST(PairedBootstrapTest, SameForAnyNumberOfThreadsAndWiderWithSeeds) {
  std::vector<MethodRun> runs;
  for (int seed = 1; seed <= 3; ++seed) {
    runs.push_back(make_run("full", seed, draw(seed, "full", 200, 0.9)));
    runs.push_back(make_run("ours", seed, draw(seed, "ours", 200, 0.6 + 0.08 * seed)));
  }
  BootstrapOptions options;
  options.replicates = 500;
  const int before = thread_count();
  set_threads(1);
  const auto one = PairedBootstrap(runs, "full", options).relative("ours");
  set_threads(8);
  const auto eight = PairedBootstrap(runs, "full", options).relative("ours");
  set_threads(before);
  EXPECT_EQ(one.interval.low, eight.interval.low);
  EXPECT_EQ(one.interval.high, eight.interval.high);
  options.resample_seeds = false;
  const PairedBootstrap questions_only(runs, "full", options);
  const auto narrow = questions_only.relative("ours");
  EXPECT_LT(narrow.interval.high - narrow.interval.low, one.interval.high - one.interval.low);
  const auto by_seed = questions_only.relative_by_seed("ours");
  ASSERT_EQ(by_seed.size(), 3u);
  EXPECT_NEAR((by_seed[0] + by_seed[1] + by_seed[2]) / 3, narrow.value, 1e-9)
      << "mean over seeds = Rel. of mean columns";
}

TEST(PairedBootstrapTest, IntervalsCoverTheTruth) {
  int covered = 0, covered_bca = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const std::vector<MethodRun> runs = {make_run("full", 1, draw(trial, "coverage", 60, 0.8))};
    BootstrapOptions options;
    options.replicates = 400;
    const auto plain = PairedBootstrap(runs, "full", options).column("full", 0).interval;
    options.bca = true;
    const auto bca = PairedBootstrap(runs, "full", options).column("full", 0).interval;
    covered += plain.low <= 80 && 80 <= plain.high;
    covered_bca += bca.low <= 80 && 80 <= bca.high;
  }
  EXPECT_GE(covered, 180);  // 95 % of 200 is 190, with a standard deviation of 3
  EXPECT_GE(covered_bca, 180);
}

/// How often the interval of a difference that is 0 covers it, and how often p is below 0.05, over 150 experiments with
/// three seeds: a seed's skill is normal with standard deviation `spread`.
struct Simulated {
  double covered = 0, rejected = 0;
};

Simulated simulate_three_seeds(double spread, bool paired) {
  constexpr int kTrials = 150;
  Simulated result;
  for (int trial = 0; trial < kTrials; ++trial) {
    Rng rng(static_cast<std::uint64_t>(trial), "skills of seeds");
    std::vector<MethodRun> runs;
    for (int seed = 1; seed <= 3; ++seed) {
      for (const char* method : {"full", "ours"}) {
        const double skill = std::clamp(0.7 + spread * rng.normal(), 0.05, 0.99);
        // Other seeds for the second method where the runs are not paired.
        const bool other = !paired && method == std::string("ours");
        runs.push_back(make_run(method, other ? seed + 10 : seed, draw(trial * 8 + seed, method, 60, skill)));
      }
    }
    const auto difference = PairedBootstrap(runs, "full", {.replicates = 200}).column_difference("ours", "full", 0);
    result.covered += difference.interval.low <= 0 && 0 <= difference.interval.high;
    result.rejected += difference.p < 0.05;
  }
  result.covered /= kTrials;
  result.rejected /= kTrials;
  return result;
}

// Percentiles over seeds drawn with replacement cover 0 in 85 % of the paired experiments with the larger spread.
TEST(PairedBootstrapTest, ThreeSeedsAreNotTakenForMany) {
  for (const bool paired : {true, false}) {
    for (const double spread : {0.0, 0.1}) {
      const auto result = simulate_three_seeds(spread, paired);
      RecordProperty(fmt::format("covered_{}_{}", paired, spread), fmt::format("{:.3f}", result.covered));
      EXPECT_GE(result.covered, 0.897) << spread << paired << ": 0.95 less three standard deviations of 150 trials";
      EXPECT_LE(result.rejected, 0.103) << spread << paired;
    }
  }
}

TEST(PairedBootstrapTest, NoiseIsTakenApart) {
  std::vector<MethodRun> runs;
  const auto full = draw(1, "full", 400, 0.9), ours = draw(1, "ours", 400, 0.8);
  for (int seed = 1; seed <= 3; ++seed)
    runs.push_back(make_run("full", seed, full)), runs.push_back(make_run("ours", seed, ours));
  const auto same = PairedBootstrap(runs, "full", {.replicates = 1000}).column_difference("ours", "full", 0);
  EXPECT_TRUE(std::isnan(same.seed_deviation)) << "equal answers of all seeds: no spread to speak of";
  double squares = 0, mean = 0;
  for (std::size_t i = 0; i < full.right.size(); i += 2) {  // by image
    const double d = (ours.right[i] + ours.right[i + 1] - full.right[i] - full.right[i + 1]) / 2;
    mean += d / 400, squares += d * d / 400;
  }
  EXPECT_NEAR(same.question_error, 100 * std::sqrt((squares - mean * mean) / 400), 0.15);

  std::vector<double> differences;
  for (int seed = 1; seed <= 3; ++seed) {
    runs[2 * seed - 1] = make_run("ours", seed, draw(seed, "ours", 400, 0.6 + 0.1 * seed));
    const PairedBootstrap one(std::vector<MethodRun>{runs[2 * seed - 2], runs[2 * seed - 1]}, "full",
                              {.replicates = 1});
    differences.push_back(one.column_difference("ours", "full", 0).value);
  }
  const auto several = PairedBootstrap(runs, "full", {.replicates = 1000}).column_difference("ours", "full", 0);
  EXPECT_NEAR(several.seed_deviation, summarize_seeds(differences).std, 1e-9) << "of one seed's paired difference";
  EXPECT_GT(several.freedom, 2);
  EXPECT_LT(several.freedom, 10);
}

TEST(PairedBootstrapTest, SmallPValuesDoNotEndWhereCountingDoes) {
  const std::vector<MethodRun> runs = {make_run("full", 1, draw(1, "full", 600, 0.9)),
                                       make_run("ours", 1, draw(1, "ours", 600, 0.7))};
  const auto difference = PairedBootstrap(runs, "full", {.replicates = 100}).column_difference("full", "ours", 0);
  EXPECT_LT(difference.p, 1e-6) << "2 / 101 would be the least by counting";
  const auto zero = PairedBootstrap(runs, "full", {.replicates = 100}).column_difference("full", "full", 0);
  EXPECT_EQ(zero.p, 1);
}

TEST(PairedBootstrapTest, GeometricMeanLiesBelow) {
  const std::vector<MethodRun> runs = {make_run("full", 1, draw(1, "full", 200, 0.9)),
                                       make_run("ours", 1, draw(1, "ours", 200, 0.6))};
  const PairedBootstrap bootstrap(runs, "full", {.replicates = 50});
  const double first = bootstrap.column("ours", 0).value / bootstrap.column("full", 0).value,
               second = bootstrap.column("ours", 1).value / bootstrap.column("full", 1).value;
  EXPECT_NEAR(bootstrap.relative("ours", Score::kRelGeometric).value, 100 * std::sqrt(first * second), 1e-9);
  EXPECT_LE(bootstrap.relative("ours", Score::kRelGeometric).value, bootstrap.relative("ours").value);
}

TEST(PairedBootstrapTest, BcaFollowsSkew) {
  const std::vector<MethodRun> runs = {make_run("full", 1, draw(3, "skew", 60, 0.95))};
  BootstrapOptions options;
  const auto plain = PairedBootstrap(runs, "full", options).column("full", 0);
  options.bca = true;
  const auto bca = PairedBootstrap(runs, "full", options).column("full", 0);
  EXPECT_LE(bca.interval.low, plain.interval.low) << "near 100 % the long tail points down";
  EXPECT_LE(bca.interval.high, 100);
}

TEST(PairedBootstrapTest, RefusesRunsOnOtherQuestions) {
  const std::vector<MethodRun> runs = {make_run("full", 1, draw(1, "x", 20, 0.9)),
                                       make_run("ours", 1, draw(1, "x", 21, 0.9))};
  EXPECT_THAT(message_of([&] { PairedBootstrap(runs, "full"); }),
              HasSubstr("were scored on different questions of acc"));
  EXPECT_THAT(message_of([&] { PairedBootstrap(std::span(runs).first(1), "ful"); }),
              HasSubstr("the reference 'ful' is not among the runs. Did you mean 'full'?"));
  const std::vector<MethodRun> twice = {runs[0], runs[0]};
  EXPECT_THAT(message_of([&] { PairedBootstrap(twice, "full"); }), HasSubstr("method 'full' has two runs with seed 1"));
}

TEST(PairedBootstrapTest, LeavesOutWhatTheReferenceScoredZeroOn) {
  auto full = draw(1, "full", 40, 0.9), ours = draw(1, "ours", 40, 0.8);
  full.right.assign(full.right.size(), 0);
  const std::vector<MethodRun> runs = {make_run("full", 1, full), make_run("ours", 1, ours)};
  BootstrapOptions options;
  options.replicates = 200;
  const PairedBootstrap bootstrap(runs, "full", options);
  EXPECT_EQ(bootstrap.left_out(), std::vector<std::size_t>{0});
  const double f1 = bootstrap.column("full", 1).value;
  const auto rel = bootstrap.relative("ours");
  EXPECT_NEAR(rel.value, 100 * bootstrap.column("ours", 1).value / f1, 1e-9) << "of the column that is left";
  EXPECT_LT(rel.interval.low, rel.value);

  EXPECT_TRUE(bootstrap.left_out(Score::kRelAboveChance).empty()) << "0 is not this benchmark's chance";
}

TEST(PairedBootstrapTest, WhereNothingIsDefinedThereIsNoScore) {
  auto nothing = draw(1, "full", 20, 0.9);
  nothing.right.assign(nothing.right.size(), 0);
  for (std::size_t i = 0; i < nothing.truth.size(); ++i) nothing.said[i] = 1 - nothing.truth[i];
  const std::vector<MethodRun> runs = {make_run("full", 1, nothing), make_run("ours", 1, draw(1, "ours", 20, 0.8))};
  const PairedBootstrap bootstrap(runs, "full", {.replicates = 50});
  EXPECT_EQ(bootstrap.left_out().size(), 2u);
  EXPECT_TRUE(std::isnan(bootstrap.relative("ours").value));
}

TEST(PairedBootstrapTest, RefusesMoreReplicatesThanMemoryShouldHold) {
  std::vector<MethodRun> runs;
  for (int m = 0; m < 50; ++m)
    runs.push_back(make_run(m == 0 ? "full" : fmt::format("m{}", m), 1, draw(m, "few", 4, 0.8)));
  BootstrapOptions options;
  options.replicates = 10'000'000;
  EXPECT_THAT(message_of([&] { PairedBootstrap(runs, "full", options); }),
              HasSubstr("10000000 bootstrap replicates of 50 methods and 2 columns would take 7.5 GiB, more than the 4 "
                        "GiB allowed. Set eval.bootstrap.replicates to 5368709 at most"));
}

TEST(PairedBootstrapTest, AnUnknownMethodIsTheUsersMistake) {
  const std::vector<MethodRun> runs = {make_run("full", 1, draw(1, "x", 20, 0.9))};
  const PairedBootstrap bootstrap(runs, "full", {.replicates = 10});
  EXPECT_THAT(message_of([&] { bootstrap.relative("fulll"); }),
              HasSubstr("there is no evaluated run of 'fulll'. Did you mean 'full'?"));
}

TEST(PairedBootstrapTest, TenMethodsTwoThousandQuestionsInSeconds) {
  std::vector<MethodRun> runs;
  for (int m = 0; m < 10; ++m)
    runs.push_back(make_run(m == 0 ? "full" : fmt::format("m{}", m), 1, draw(m, "big", 700, 0.8)));
  BootstrapOptions options;
  options.replicates = 2000;
  const auto start = std::chrono::steady_clock::now();
  const PairedBootstrap bootstrap(runs, "full", options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RecordProperty("seconds", fmt::format("{:.3f}", seconds));
  EXPECT_LT(seconds, 5);
}

}  // namespace
}  // namespace scalselect::eval
