#include "selector/choose.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "core/check.h"
#include "core/error.h"
#include "core/log_listener.h"
#include "core/matrix.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

RowSet ten_rows() {
  RowSet rows{"pool.json", 10, std::vector<std::int64_t>(10)};
  std::iota(rows.usable.begin(), rows.usable.end(), 0);
  return rows;
}

/// A table of one number per row.
FeatureTable table(std::vector<std::int64_t> rows) {
  auto values = std::make_shared<std::vector<float>>(rows.begin(), rows.end());
  const MatrixView view{values->data(), std::ssize(rows), 1};
  return {std::shared_ptr<const RowSource>(new MemoryRows(view), [values](const RowSource* p) { delete p; }),
          std::move(rows)};
}

/// A method that returns `result`.
Method answers(SelectionResult result, BudgetUse use = BudgetUse::kEach) {
  Method method;
  method.budget_use = use;
  method.select = [result](const MethodInput&, std::int64_t) { return result; };
  return method;
}

Method first_candidates() {
  Method method;
  method.budget_use = BudgetUse::kPrefix;
  method.select = [](const MethodInput& input, std::int64_t budget) {
    return SelectionResult{{input.candidates.begin(), input.candidates.begin() + budget}, {}, {}};
  };
  return method;
}

RowSet with_policy(RowSet rows, TextOnly policy) {
  rows.constraints.text_only = policy;
  return rows;
}

TEST(Choose, CandidatesAreUsableRowsThatEveryTableHolds) {
  auto method = first_candidates();
  method.needs = {TowerMeanSpec{}, TokenCountSpec{}};
  auto rows = ten_rows();
  rows.usable = {1, 2, 3, 4, 5, 6, 7, 9};
  const auto input = open_input(
      method, rows,
      [](const FeatureSpec& spec) {
        return std::holds_alternative<TowerMeanSpec>(spec) ? table({0, 1, 3, 5, 7, 8, 9}) : table({1, 2, 3, 4, 5, 9});
      },
      1);
  EXPECT_THAT(input.candidates, ElementsAre(1, 3, 5, 9));
  EXPECT_EQ(input.pool_size, 10);
}

TEST(Choose, AShareIsOfThePoolWhateverIsUsable) {
  const auto method = first_candidates();
  auto rows = ten_rows();
  rows.usable = {0, 2, 4, 6, 8};
  const auto input = open_input(method, rows, {}, 1);
  EXPECT_THAT(choose(method, input, Share{0.4}).rows, ElementsAre(0, 2, 4, 6));
  EXPECT_THAT(choose(method, input, Count{3}).rows, ElementsAre(0, 2, 4));
  for (const Budget& budget : {Budget(Share{0.6}), Budget(Count{6})}) {
    EXPECT_THAT(message_of([&] { choose(method, input, budget); }),
                AllOf(HasSubstr("6 of 10 rows"), HasSubstr("only 5 can be used")));
  }
}

TEST(Choose, AllMeansEveryUsableRow) {
  auto method = answers({{0, 2}, {}, {}}, BudgetUse::kAll);
  auto rows = ten_rows();
  rows.usable = {0, 2};
  const auto input = open_input(method, rows, {}, 1);
  EXPECT_THAT(choose(method, input, Share{0.1}).rows, ElementsAre(0, 2));
  EXPECT_THAT(choose(method, input, Budget()).rows, ElementsAre(0, 2));
}

TEST(Choose, RankingsTakeTheLargestScoresAndLeaveOutRowsWithoutOne) {
  const double none = std::nan("");
  const auto method = answers({{}, {1, 5, none, 5, 2, none, 0, -1, none, 9}, {}}, BudgetUse::kScores);
  const auto input = open_input(method, ten_rows(), {}, 1);
  const auto selection = choose(method, input, Count{4});
  EXPECT_THAT(selection.rows, ElementsAre(9, 1, 3, 4));
  EXPECT_EQ(selection.usable, 7);
  EXPECT_EQ(selection.facts["lowest_score"], 2.0);
  EXPECT_THAT(message_of([&] { choose(method, input, Count{8}); }),
              AllOf(HasSubstr("8 of 10 rows"), HasSubstr("only 7 have a score")));
  const auto scored = score_candidates(method, input);
  EXPECT_EQ(choose(method, input, Share{0.4}, scored).rows, selection.rows);
}

TEST(Choose, TooFewRowsAreTheMethodsFailureAndAreReported) {
  for (const std::vector<std::int64_t>& rows : {std::vector<std::int64_t>{}, std::vector<std::int64_t>{4, 1}}) {
    const auto method = answers({rows, {}, {}});
    const auto input = open_input(method, ten_rows(), {}, 1);
    EXPECT_THROW(choose(method, input, Count{3}), UserError);
    EXPECT_THAT(message_of([&] { choose(method, input, Count{3}); }),
                HasSubstr("chose " + std::to_string(rows.size()) + " of the 3 rows"));
  }
}

TEST(Choose, AnswersThatBreakAPromiseAreFaultsOfTheProgram) {
  auto rows = ten_rows();
  rows.usable = {0, 1, 2, 3};
  for (const std::vector<std::int64_t>& wrong :
       {std::vector<std::int64_t>{1, 1}, std::vector<std::int64_t>{1, 7}, std::vector<std::int64_t>{-1, 2}}) {
    const auto method = answers({wrong, {}, {}});
    const auto input = open_input(method, rows, {}, 1);
    EXPECT_THROW(choose(method, input, Count{2}), InternalError);
  }
}

TEST(Choose, NothingToChooseFrom) {
  const auto method = first_candidates();
  auto rows = ten_rows();
  rows.usable = {};
  EXPECT_THAT(message_of([&] { open_input(method, rows, {}, 1); }), HasSubstr("None of the 10 rows of 'pool.json'"));
}

TEST(Choose, ATargetIsOpenedForMethodsThatUseOne) {
  auto method = first_candidates();
  const TargetSource target{{"dev.json", 3, {0, 2}}, {"a", "b", "c"}, [](const FeatureSpec&) { return table({0, 1}); }};
  EXPECT_FALSE(open_input(method, ten_rows(), {}, 1, &target).target.has_value());
  method.target_needs = {TowerMeanSpec{}};
  const auto input = open_input(method, ten_rows(), {}, 1, &target);
  EXPECT_THAT(input.target->rows, ElementsAre(0));
  EXPECT_THAT(input.target->tasks, ElementsAre("a", "b", "c"));
  method.requires_target = true;
  method.name = "tive";
  EXPECT_THAT(message_of([&] { open_input(method, ten_rows(), {}, 1); }), HasSubstr("Method 'tive'"));
}

TEST(Choose, SamplesWithoutAPictureAreOneDecisionForAllMethods) {
  auto rows = ten_rows();
  rows.text_only = {1, 3, 5, 7};
  const auto input = [&](const Method& method, TextOnly policy) {
    rows.constraints.text_only = policy;
    return open_input(method, rows, {}, 7);
  };
  const auto method = first_candidates();
  EXPECT_THAT(choose(method, input(method, TextOnly::kAuto), Count{5}).rows, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(choose(method, input(method, TextOnly::kDrop), Count{5}).rows, ElementsAre(0, 2, 4, 6, 8));
  const auto kept = choose(method, input(method, TextOnly::kKeep), Count{5});
  EXPECT_THAT(kept.rows, ElementsAre(0, 1, 3, 5, 7));
  EXPECT_EQ(kept.usable, 10);
  EXPECT_EQ(kept.facts["text_only"], 4);
  // 4 of 10 rows are text: 2 of a budget of 5, drawn.
  const auto share = choose(method, input(method, TextOnly::kShare), Share{0.5});
  ASSERT_EQ(share.rows.size(), 5U);
  EXPECT_THAT(std::vector(share.rows.begin(), share.rows.begin() + 3), ElementsAre(0, 2, 4));
  EXPECT_TRUE(std::includes(rows.text_only.begin(), rows.text_only.end(), share.rows.begin() + 3, share.rows.end()));
  EXPECT_EQ(share.rows, choose(method, input(method, TextOnly::kShare), Share{0.5}).rows);

  EXPECT_THAT(message_of([&] { choose(method, input(method, TextOnly::kKeep), Count{4}); }),
              AllOf(HasSubstr("4 of 10 rows"), HasSubstr("keeps all 4 samples")));
  EXPECT_THAT(message_of([&] { choose(method, input(method, TextOnly::kDrop), Count{7}); }),
              AllOf(HasSubstr("7 of 10 rows"), HasSubstr("only 6 can be used")));
}

TEST(Choose, ATextPolicyThatLeavesNothingIsSaidBeforeAnyPass) {
  auto rows = ten_rows();
  rows.text_only = {1, 3, 5, 7};
  rows.constraints.text_only = TextOnly::kKeep;
  check_constraints(first_candidates(), rows, Count{5});
  EXPECT_THAT(message_of([&] { check_constraints(first_candidates(), rows, Count{4}); }),
              HasSubstr("nothing to choose"));
  check_constraints(answers({}, BudgetUse::kAll), rows, Count{4});  // takes all, whatever the budget
  rows.text_only = rows.usable;
  const auto method = first_candidates();
  for (const auto policy : {TextOnly::kDrop, TextOnly::kKeep, TextOnly::kShare}) {
    rows.constraints.text_only = policy;
    EXPECT_THAT(message_of([&] { check_constraints(method, rows, Count{5}); }), HasSubstr("has a picture"));
    EXPECT_THAT(message_of([&] { open_input(method, rows, {}, 1); }), HasSubstr("has a picture"));
  }
  rows.constraints.text_only = TextOnly::kAuto;
  check_constraints(method, rows, Count{5});
}

TEST(Choose, TheWholePoolAndRankingsFollowTheTextPolicy) {
  auto rows = ten_rows();
  rows.text_only = {1, 3};
  Method all = first_candidates();
  all.budget_use = BudgetUse::kAll;
  EXPECT_EQ(choose(all, open_input(all, with_policy(rows, TextOnly::kDrop), {}, 1), Budget()).rows.size(), 8U);
  EXPECT_EQ(choose(all, open_input(all, with_policy(rows, TextOnly::kShare), {}, 1), Budget()).rows.size(), 10U);
  // Text rows that a file of scores ranks first are still not the method's to choose.
  const auto ranking = answers({{}, {0, 9, 1, 8, 2, 3, 4, 5, 6, 7}, {}}, BudgetUse::kScores);
  const auto input = open_input(ranking, with_policy(rows, TextOnly::kKeep), {}, 1);
  EXPECT_THAT(choose(ranking, input, Count{4}).rows, ElementsAre(9, 8, 1, 3));
}

/// Takes what it lists, as far as the budget goes.
Method list_of(std::vector<std::int64_t> rows, BudgetUse use) {
  Method method;
  method.budget_use = use;
  method.list = [rows = std::move(rows)](const Pool*, std::int64_t) { return rows; };
  method.select = [](const MethodInput& input, std::int64_t budget) {
    return SelectionResult{{input.listed.begin(), input.listed.begin() + budget}, {}, {}};
  };
  return method;
}

TEST(Choose, AListIsTakenWholeWhateverTheBudgetAndARankingToTheBudget) {
  auto rows = ten_rows();
  rows.usable = {0, 1, 2, 4, 6, 8, 9};
  const auto all = list_of({9, 5, 1, 4}, BudgetUse::kAll);
  std::vector<std::string> warnings;
  const LogListener listener([&](LogLevel, const std::string& text) { warnings.push_back(text); });
  const auto input = open_input(all, rows, {}, 1);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("1 of the 4 rows that the list names cannot be used of 'pool.json': row "
                                              "5")));
  EXPECT_THAT(input.candidates, ElementsAre(1, 4, 9));
  EXPECT_THAT(choose(all, input, Count{2}).rows, ElementsAre(9, 1, 4));
  const auto ranking = list_of({9, 5, 1, 4}, BudgetUse::kPrefix);
  EXPECT_THAT(choose(ranking, open_input(ranking, rows, {}, 1), Count{2}).rows, ElementsAre(9, 1));
  EXPECT_THAT(message_of([&] { choose(ranking, open_input(ranking, rows, {}, 1), Count{4}); }), HasSubstr("only 3"));
  EXPECT_THAT(message_of([&] { open_input(list_of({5, 7}, BudgetUse::kAll), rows, {}, 1); }), HasSubstr("2 of the 2"));
}

TEST(Choose, AListDecidesAboutRowsWithoutAPicture) {
  auto rows = ten_rows();
  rows.text_only = {1, 3};
  const auto all = list_of({9, 1, 4}, BudgetUse::kAll);
  EXPECT_THAT(choose(all, open_input(all, rows, {}, 1), Budget()).rows, ElementsAre(9, 1, 4));
  EXPECT_THAT(choose(all, open_input(all, with_policy(rows, TextOnly::kDrop), {}, 1), Budget()).rows,
              ElementsAre(9, 4));
  for (const auto policy : {TextOnly::kKeep, TextOnly::kShare}) {
    EXPECT_THAT(message_of([&] { check_constraints(all, with_policy(rows, policy), Budget()); }),
                HasSubstr("would add others"));
    EXPECT_THAT(message_of([&] { open_input(all, with_policy(rows, policy), {}, 1); }), HasSubstr("would add others"));
  }
}

}  // namespace
}  // namespace scalselect
