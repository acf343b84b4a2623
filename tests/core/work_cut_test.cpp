// How much of the processes' time is idle at the end of work that is cut into parts: a simulation, without a clock.
#include "core/work_cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <queue>
#include <string>

#include "core/files.h"
#include "core/rng.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

constexpr double kSpread = 20;    ///< the dearest item's cost beside the cheapest one's
constexpr double kAllowed = .05;  ///< of all processes' time

/// Costs of items as pools have them: without order, sorted, and dear ones in a heap at either end.
std::map<std::string, std::vector<double>> pools(std::int64_t items) {
  Rng rng(1, "work_cut_test");
  std::map<std::string, std::vector<double>> all;
  auto& mixed = all["uniform"];
  for (std::int64_t i = 0; i < items; ++i) mixed.push_back(1 + (kSpread - 1) * rng.uniform());
  auto& ascending = all["ascending"] = mixed;
  std::sort(ascending.begin(), ascending.end());
  all["descending"].assign(ascending.rbegin(), ascending.rend());
  for (const double share : {.05, .1, .3, .5}) {
    const auto dear = static_cast<std::int64_t>(share * static_cast<double>(items));
    const auto name = std::to_string(std::lround(100 * share)) + " % dear, ";
    auto& first = all[name + "first"];
    first.assign(static_cast<std::size_t>(items), 1);
    std::fill_n(first.begin(), dear, kSpread);
    all[name + "last"].assign(first.rbegin(), first.rend());
    auto& spread = all[name + "anywhere"];
    for (std::int64_t i = 0; i < items; ++i) spread.push_back(rng.uniform() < share ? kSpread : 1);
  }
  return all;
}

std::vector<WorkItem> estimated(const std::vector<double>& costs, const std::function<double(double)>& estimate) {
  std::vector<WorkItem> items;
  for (const auto cost : costs) items.push_back({static_cast<float>(estimate(cost))});
  return items;
}

/// The share of time that the processes wait for the last of them, where each takes the next part when it is free.
double idle(const std::vector<WorkPart>& parts, const std::vector<double>& costs, int processes) {
  std::priority_queue<double, std::vector<double>, std::greater<>> free;
  for (int i = 0; i < processes; ++i) free.push(0);
  double end = 0;
  for (const auto& part : parts) {
    const auto done = std::accumulate(costs.begin() + part.first, costs.begin() + part.end, free.top());
    free.pop();
    free.push(done);
    end = std::max(end, done);
  }
  return 1 - std::accumulate(costs.begin(), costs.end(), 0.0) / (processes * end);
}

/// Every combination of items, processes and pool whose idle time is beyond what is allowed.
std::vector<std::string> idle_too_long(
    const std::vector<std::int64_t>& sizes,
    const std::function<std::vector<WorkPart>(const std::vector<double>&, int)>& cut) {
  std::vector<std::string> found;
  for (const auto size : sizes) {
    for (const auto& [name, costs] : pools(size)) {
      for (const int processes : {2, 4, 8, 16}) {
        const auto share = idle(cut(costs, processes), costs, processes);
        if (share <= kAllowed) continue;
        found.push_back(std::to_string(size) + " items, " + std::to_string(processes) + " processes, " + name + ": " +
                        std::to_string(std::lround(100 * share)) + " %");
      }
    }
  }
  return found;
}

TEST(WorkCut, AtMostATwentiethIsIdleWhereCostsAreKnown) {
  EXPECT_THAT(idle_too_long({1000, 1500, 4000, 20'000, 100'000},
                            [](const auto& costs, int processes) {
                              return cut_work(estimated(costs, [](double cost) { return cost; }), {processes});
                            }),
              ::testing::IsEmpty());
}

TEST(WorkCut, AndFromFourThousandOnWhereTheyAreNotOrAreTakenForTheContrary) {
  Rng rng(2, "work_cut_test");
  const std::map<std::string, std::function<double(double)>> estimates = {
      {"nothing is known", [](double) { return 1.0; }},
      {"up to four times too much or too little", [&](double cost) { return cost * std::exp2(4 * rng.uniform() - 2); }},
      {"the dear are taken for cheap", [](double cost) { return kSpread + 1 - cost; }}};
  for (const auto& [name, estimate] : estimates) {
    EXPECT_THAT(idle_too_long({4000, 20'000, 100'000},
                              [&, &estimate = estimate](const auto& costs, int processes) {
                                return cut_work(estimated(costs, estimate), {processes});
                              }),
                ::testing::IsEmpty())
        << name;
  }
}

TEST(WorkCut, EvenPartsLeaveProcessesIdle) {
  const auto even = [](const auto& costs, int) { return even_parts(std::ssize(costs), 1024); };
  EXPECT_EQ(idle_too_long({1000}, even).size(), 4 * pools(1).size());
  EXPECT_GT(idle_too_long({20'000}, even).size(), 2 * pools(1).size());
}

TEST(WorkCut, PartsAreModeratelyMany) {
  const auto parts = [](std::int64_t items, int processes) {
    return std::ssize(cut_work(std::vector<WorkItem>(static_cast<std::size_t>(items)), {processes}));
  };
  EXPECT_LT(parts(1000, 2), 150);
  EXPECT_LT(parts(1'000'000, 16), 1'000'000 / 1024 + 1500);
  EXPECT_LT(parts(10'000'000, 16), 10'000'000 / 1024 + 1500);
}

TEST(WorkCut, HoldsEachItemOnceInPartsOfTheSizesAsked) {
  Rng rng(3, "work_cut_test");
  for (int round = 0; round < 200; ++round) {
    const auto count = rng.between(1, 3000);
    std::vector<WorkItem> items;
    for (std::int64_t i = 0; i < count; ++i)
      items.push_back({static_cast<float>(1 + 30 * rng.uniform()), rng.uniform() < .3});
    const CutOptions options{static_cast<int>(rng.between(1, 16)), rng.between(1, 64), rng.between(64, 1024)};
    std::vector<int> seen(items.size());
    for (const auto& part : cut_work(items, options)) {
      ASSERT_LT(part.first, part.end);
      ASSERT_LE(part.end - part.first, options.most + options.least);
      for (auto i = part.first; i < part.end; ++i) ++seen[static_cast<std::size_t>(i)];
    }
    ASSERT_THAT(seen, ::testing::Each(1));
  }
}

TEST(WorkCut, NoPartIsShorterThanWhatKeepsAProcessBusyButTheLastOfItsPiece) {
  for (const std::int64_t items : {87, 240, 2017}) {
    const auto parts = cut_work(std::vector<WorkItem>(static_cast<std::size_t>(items)), {16, /*least=*/64, 256});
    for (const auto& part : parts) EXPECT_TRUE(part.end - part.first >= 64 || part.end == items) << part.first;
  }
}

TEST(WorkCut, WhatSharesAPictureStaysTogether) {
  std::vector<WorkItem> items;
  for (int i = 0; i < 5000; ++i) items.push_back({i % 5 == 0 ? 600.0F : 20.0F, i % 5 != 0});
  for (const auto& part : cut_work(items, {16})) {
    EXPECT_EQ(part.first % 5, 0);
    EXPECT_TRUE(part.end % 5 == 0 || part.end - part.first == 1024);
  }
}

TEST(WorkCut, ALongRunThatSharesAPictureIsParted) {
  std::vector<WorkItem> items(4000, {10, true});
  items.front() = {600, false};
  const auto parts = cut_work(items, {16});
  EXPECT_GT(parts.size(), 60U);
  for (const auto& part : parts) EXPECT_TRUE(part.first == 0 || part.end - part.first >= 60 || part.end == 4000);
}

TEST(WorkCut, PassesThroughTheItemsAFewTimes) {
  const auto costs = pools(20'000).at("uniform");
  int back = 0;
  std::int64_t last = 0;
  for (const auto& part : cut_work(estimated(costs, [](double cost) { return cost; }), {16})) {
    back += part.first < last ? 1 : 0;
    last = part.first;
  }
  EXPECT_LT(back, kPasses);
}

class KeptCut : public ::testing::Test {
 protected:
  KeptCut() : folder_(std::filesystem::path(::testing::TempDir()) / "kept_cut_test") {
    std::filesystem::remove_all(folder_);
  }
  std::filesystem::path folder_;
};

TEST_F(KeptCut, TheFirstOneHolds) {
  EXPECT_TRUE(kept_cut(folder_, 10).empty());
  const auto first = agreed_cut(folder_, 10, [] { return std::vector<WorkPart>{{4, 10}, {0, 4}}; });
  EXPECT_EQ(agreed_cut(folder_, 10, [] { return even_parts(10, 1); }), first);
  EXPECT_EQ(kept_cut(folder_, 10), first);
}

TEST_F(KeptCut, OneThatIsDamagedOrOfOtherWorkIsRefused) {
  for (const char* text : {"", "[", "{}", "[]", "[[0, 4]]", "[[0, 4], [5, 10]]", "[[0, 11]]", "[[0, 10], [3, 4]]",
                           "[[0.5, 10]]", "[[0, 10, 7]]", "[[-1, 10]]"}) {
    write_file_atomically(folder_ / "cut.json", text);
    EXPECT_THAT(message_of([&] { kept_cut(folder_, 10); }), ::testing::HasSubstr("Delete the folder")) << text;
  }
}

}  // namespace
}  // namespace scalselect
