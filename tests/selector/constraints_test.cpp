#include "selector/constraints.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/log_listener.h"
#include "core/rng.h"
#include "selector/choose.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

RowSet rows_of_size(std::int64_t size) {
  RowSet rows{"pool.json", size, std::vector<std::int64_t>(static_cast<std::size_t>(size))};
  std::iota(rows.usable.begin(), rows.usable.end(), 0);
  return rows;
}

/// Ranks row 0 first, then row 1, ...
Method ranking() {
  Method method;
  method.select = [](const MethodInput& input, std::int64_t) {
    SelectionResult result;
    for (std::int64_t row = 0; row < input.pool_size; ++row) result.scores.push_back(static_cast<double>(-row));
    return result;
  };
  return method;
}

/// Takes the first candidates; `asked` counts how often.
Method greedy(int* asked = nullptr) {
  Method method;
  method.budget_use = BudgetUse::kPrefix;
  method.select = [asked](const MethodInput& input, std::int64_t budget) {
    if (asked != nullptr) ++*asked;
    return SelectionResult{{input.candidates.begin(), input.candidates.begin() + budget}, {}, {}};
  };
  return method;
}

std::vector<std::int64_t> chosen(const Method& method, const RowSet& rows, const Budget& budget) {
  check_constraints(method, rows, budget);
  return choose(method, open_input(method, rows, {}, 1), budget).rows;
}

TEST(Constraints, ExcludedRowsAreNotOfThePool) {
  auto rows = rows_of_size(10);
  rows.constraints.excluded = {0, 1, 2, 3, 4};
  rows.usable = {5, 6, 7, 8, 9};
  EXPECT_THAT(chosen(ranking(), rows, Share{0.4}), ElementsAre(5, 6)) << "a share is of the five rows that are left";
  EXPECT_THAT(message_of([&] { chosen(greedy(), rows, Count{6}); }), HasSubstr("5"));
}

TEST(Constraints, RowsThatMustBeKeptCountTowardsTheBudget) {
  auto rows = rows_of_size(10);
  rows.constraints.must_keep = {1, 8};
  for (const auto& method : {ranking(), greedy()}) {
    EXPECT_THAT(chosen(method, rows, Count{4}), ElementsAre(0, 2, 1, 8));
    EXPECT_THAT(chosen(method, rows, Count{2}), ElementsAre(1, 8)) << "nothing is left to the method";
    EXPECT_THAT(message_of([&] { chosen(method, rows, Count{1}); }),
                AllOf(HasSubstr("must_keep names 2 rows"), HasSubstr("the budget is 1")));
  }
}

TEST(Constraints, CapsHoldAndTheRestIsChosenAnew) {
  auto rows = rows_of_size(10);
  rows.constraints.sources = {{{"coco", {}, 2.0}, {0, 1, 2, 3, 4, 5}}};
  for (const auto& method : {ranking(), greedy()}) {
    EXPECT_THAT(chosen(method, rows, Count{5}), ElementsAre(0, 1, 6, 7, 8));
    EXPECT_THAT(message_of([&] { chosen(method, rows, Count{7}); }), HasSubstr("leave 6 of the 7 rows"));
  }
  rows.constraints.sources[0].limit.cap = 0.4;  // of five rows
  EXPECT_THAT(chosen(ranking(), rows, Count{5}), ElementsAre(0, 1, 6, 7, 8));
}

TEST(Constraints, FloorsTakeTheBestOfTheirSourceAndNoMoreThanIsLacking) {
  auto rows = rows_of_size(10);
  rows.constraints.sources = {{{"ocr", 2.0, {}}, {1, 7, 8, 9}}};
  for (const auto& method : {ranking(), greedy()}) {
    EXPECT_THAT(chosen(method, rows, Count{4}), ElementsAre(0, 1, 2, 7));
    EXPECT_THAT(chosen(method, rows, Count{9}), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8)) << "nothing was lacking";
  }
  rows.constraints.sources.push_back({{"gqa", 2.0, {}}, {5, 6}});
  EXPECT_THAT(chosen(ranking(), rows, Count{4}), ElementsAre(1, 5, 6, 7));
}

TEST(Constraints, ImpossibleFloorsAreSaidBeforeAnyPass) {
  auto rows = rows_of_size(10);
  const auto refused = [&](std::vector<Constraints::Limit> sources) {
    rows.constraints.sources = std::move(sources);
    return message_of([&] { check_constraints(greedy(), rows, Count{4}); });
  };
  EXPECT_THAT(refused({{{"ocr", 3.0, {}}, {1, 7}}}), AllOf(HasSubstr("'ocr' is 3 rows"), HasSubstr("only 2 usable")));
  EXPECT_THAT(refused({{{"ocr", 3.0, 2.0}, {1, 7, 8}}}),
              AllOf(HasSubstr("'ocr' is 3 rows"), HasSubstr("its cap is 2")));
  EXPECT_THAT(refused({{{"ocr", 5.0, {}}, {1, 2, 3, 4, 7}}}), HasSubstr("'ocr' is 5 rows, but the budget is 4"));
  EXPECT_THAT(refused({{{"ocr", 3.0, {}}, {1, 7, 8}}, {{"gqa", 0.5, {}}, {2, 3}}}),
              AllOf(HasSubstr("add up to 5 rows"), HasSubstr("the budget is 4")));
}

TEST(Constraints, OneSamplePerPicture) {
  auto rows = rows_of_size(8);
  rows.constraints.pictures = {{0}, {0}, {1}, {1, 2}, {2}, {}, {3}, {}};
  for (const auto& method : {ranking(), greedy()}) {
    EXPECT_THAT(chosen(method, rows, Count{5}), ElementsAre(0, 2, 4, 5, 6));
    EXPECT_THAT(message_of([&] { chosen(method, rows, Count{7}); }), HasSubstr("leave 6 of the 7 rows"));
  }
  Method all = greedy();
  all.budget_use = BudgetUse::kAll;
  EXPECT_THAT(chosen(all, rows, Budget()), ElementsAre(0, 2, 4, 5, 6, 7)) << "everything that is admitted";
}

TEST(Constraints, RowsThatAreNamedGoBeforeCapsAndPicturesWithAWarning) {
  std::vector<std::string> warnings;
  const LogListener listener([&](LogLevel, const std::string& text) { warnings.push_back(text); });
  auto rows = rows_of_size(8);
  rows.constraints.must_keep = {1, 3, 5};
  rows.constraints.sources = {{{"coco", {}, 3.0}, {1, 2, 3, 5}}, {{"gqa", {}, 1.0}, {0, 4}}};
  EXPECT_THAT(chosen(ranking(), rows, Count{5}), ElementsAre(0, 6, 1, 3, 5));
  EXPECT_THAT(warnings, IsEmpty()) << "the cap is reached, not broken";
  rows.constraints.sources[0].limit.cap = 2.0;
  EXPECT_THAT(chosen(ranking(), rows, Count{5}), ElementsAre(0, 6, 1, 3, 5));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("take 3 rows of source 'coco', whose cap is 2")));
  warnings.clear();
  rows.constraints.sources.clear();
  rows.constraints.pictures = {{0}, {7}, {1}, {7}, {2}, {7, 3}, {4}, {7}};
  EXPECT_THAT(chosen(ranking(), rows, Count{5}), ElementsAre(0, 2, 1, 3, 5));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("2 rows of must_keep have a picture that another of them has")));
}

TEST(Constraints, WithoutAnyTheMethodIsAskedOnce) {
  int asked = 0;
  EXPECT_EQ(chosen(greedy(&asked), rows_of_size(10), Count{6}).size(), 6U);
  EXPECT_EQ(asked, 1);
}

TEST(Constraints, LimitsRoundTowardsWhatTheySay) {
  const SourceLimit limit{"coco", 0.07, 0.07};
  EXPECT_EQ(limit.floor_rows(100), 7);
  EXPECT_EQ(limit.cap_rows(100), 7);
  EXPECT_EQ(limit.floor_rows(10), 1);
  EXPECT_EQ(limit.cap_rows(10), 0);
  EXPECT_EQ((SourceLimit{"coco", 5.0, 50.0}).floor_rows(20), 5);
  EXPECT_EQ((SourceLimit{"coco", 5.0, 50.0}).cap_rows(20), 20);
}

TEST(Constraints, TextNamesWhatIsSet) {
  ConstraintOptions options;
  EXPECT_EQ(constraints_text(options), "");
  options.exclude = "x.txt";
  options.one_per_picture = true;
  EXPECT_EQ(constraints_text(options), " exclude=x.txt one_per_picture=true");
}

/// Random constraints on random pools: whatever is chosen keeps them all, for rankings and greedy methods.
TEST(Constraints, HoldWheneverSomethingIsChosen) {
  int made = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Rng rng(seed, "test/constraints");
    const auto draw = [&](std::int64_t below) { return static_cast<std::int64_t>(rng.below(below)); };
    auto rows = rows_of_size(20 + draw(30));
    auto& constraints = rows.constraints;
    std::vector<std::vector<std::int64_t>> of(3);
    for (const auto row : rows.usable) of[static_cast<std::size_t>(draw(3))].push_back(row);
    for (std::size_t i = 0; i < 2; ++i) {
      SourceLimit limit{std::to_string(i), {}, {}};
      if (draw(2) == 0) limit.floor = static_cast<double>(draw(4));
      if (draw(2) == 0) limit.cap = static_cast<double>(3 + draw(6));
      constraints.sources.push_back({limit, of[i]});
    }
    if (draw(2) == 0) {
      for (std::int64_t row = 0; row < rows.size; ++row)
        constraints.pictures.push_back({static_cast<std::int32_t>(draw(rows.size))});
    }
    if (draw(2) == 0) constraints.must_keep = {draw(rows.size)};
    const auto budget = 4 + draw(8);
    for (const auto& method : {ranking(), greedy()}) {
      std::vector<std::int64_t> subset;
      try {
        subset = chosen(method, rows, Count{budget});
      } catch (const UserError&) {
        continue;
      }
      ++made;
      ASSERT_EQ(std::ssize(subset), budget) << "seed " << seed;
      EXPECT_THAT(subset, IsSupersetOf(constraints.must_keep));
      EXPECT_EQ(std::set(subset.begin(), subset.end()).size(), subset.size());
      for (const auto& source : constraints.sources) {
        const auto count = std::count_if(subset.begin(), subset.end(), [&](auto row) { return source.holds(row); });
        EXPECT_GE(count, source.limit.floor_rows(budget)) << "seed " << seed;
        EXPECT_LE(count, std::max<std::int64_t>(source.limit.cap_rows(budget), 1)) << "seed " << seed;
      }
      std::set<std::int32_t> pictures;
      for (const auto row : subset) {
        for (const auto picture : constraints.pictures_of(row)) EXPECT_TRUE(pictures.insert(picture).second);
      }
    }
  }
  EXPECT_GT(made, 300);
}

}  // namespace
}  // namespace scalselect
