// Runs of an experiment without models: scored answers made up, a pool of four samples on disk.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "eval/metric_stats.h"
#include "experiments/report/collect.h"

namespace scalselect::report::testing {

/// A folder that disappears with the test.
struct TempFolder {
  std::filesystem::path path;
  TempFolder() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path = std::filesystem::temp_directory_path() /
           (std::string("scalselect_") + test->test_suite_name() + "_" + test->name());
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
};

inline std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const UserError& error) {
    return error.what();
  }
  return {};
}

/// How those questions were answered: `images` of them show the 20 questions.
inline AnswerSheet answer_sheet(const std::string& name, double percent, int images = 20) {
  AnswerSheet sheet;
  sheet.benchmark = sheet.display = name;
  sheet.kind = "ai2d";
  sheet.style = "llava";
  sheet.matcher = "strict";
  sheet.max_new_tokens = 48;
  sheet.answered = 20;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const bool right = 5.0 * static_cast<double>(i) < percent;
    sheet.units.units.push_back({i, i % static_cast<std::uint64_t>(images), 0, right ? 1.0F : 0.0F});
  }
  return sheet;
}

/// `percent` of 20 questions right, one image each.
inline eval::ScoredBenchmark benchmark(const std::string& name, double percent, double chance = 25) {
  eval::ScoredBenchmark scored{name, name, {}, {}, 0};
  std::vector<std::pair<std::int32_t, double>> items;
  for (int i = 0; i < 20; ++i) {
    scored.clusters.push_back({"", std::to_string(100 + i)});
    items.emplace_back(i, 5.0 * i < percent ? 1.0 : 0.0);
  }
  scored.metrics.push_back(eval::percent_metric({.name = "accuracy",
                                                 .display = name,
                                                 .value = percent,
                                                 .chance = chance,
                                                 .majority = 30,
                                                 .column = true,
                                                 .questions = 20},
                                                items));
  return scored;
}

/// A finished run under equal epochs.
inline ReportRun make_run(const std::string& method, std::int64_t seed, const std::vector<double>& percents,
                          const std::vector<std::string>& names = {"one", "two"}) {
  ReportRun run;
  run.method = method;
  run.budget = method == "full" ? Budget() : Budget(Share{0.16});
  run.regime = "epochs";
  run.seed = seed;
  run.row.id = method + std::to_string(seed);
  run.row.name = method;
  run.row.started_ms = 1'790'000'000'000;
  run.row.ended_ms = run.row.started_ms + 90'000;
  run.row.config = {{"budget", 0.16}, {"name", "x"}};
  run.row.provenance = {{"version", "1.0"},  {"git_commit", "0123456789abcdef"},
                        {"cpu", "Some CPU"}, {"threads", 2},
                        {"device", "cpu"},   {"command", {"scalselect", "-m", "method=full,random"}}};
  run.rows = {0, 1};
  for (std::size_t i = 0; i < percents.size(); ++i) {
    run.benchmarks.push_back(benchmark(names[i], percents[i]));
    run.sheets.push_back(answer_sheet(names[i], percents[i]));
  }
  return run;
}

inline std::shared_ptr<const Pool> make_pool(const TempFolder& folder, const std::string& source = "s") {
  auto rows = nlohmann::json::array();
  for (int i = 0; i < 4; ++i) {
    rows.push_back({{"id", std::to_string(i)},
                    {"source", i == 0 ? source : "plain"},
                    {"conversations",
                     {{{"from", "human"}, {"value", "What <b>is</b> it?"}}, {{"from", "gpt"}, {"value", "A cat."}}}}});
  }
  write_file_atomically(folder.path / "pool.json", rows.dump());
  return std::make_shared<Pool>(folder.path / "pool.json");
}

inline Collection make_collection(std::vector<ReportRun> runs) {
  Collection collection;
  collection.experiment = "x";
  collection.runs = std::move(runs);
  collection.regimes = {"epochs"};
  return collection;
}

}  // namespace scalselect::report::testing
