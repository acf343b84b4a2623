#include "selector/budget.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/error.h"
#include "core/rng.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Budget, SharesAndCounts) {
  EXPECT_EQ(parse_budget("0.16").rows(8000), 1280);
  EXPECT_EQ(parse_budget(" 16% ").rows(8000), 1280);
  EXPECT_EQ(parse_budget("16 %"), Budget(Share{0.16}));
  EXPECT_EQ(parse_budget("0.5%"), Budget(Share{0.005}));
  EXPECT_EQ(parse_budget("1.0").rows(7), 7);
  EXPECT_EQ(parse_budget("1").rows(7), 1);
  EXPECT_EQ(parse_budget("5").rows(7), 5);
  EXPECT_EQ(parse_budget("0.5").rows(7), 4) << "halves up";
  EXPECT_EQ(parse_budget("0.001").rows(7), 1) << "at least one";
  EXPECT_EQ(parse_budget("1e-1").rows(20), 2);
  EXPECT_THAT(parse_budgets("[0.08, 0.16,100]"),
              ElementsAre(Budget(Share{0.08}), Budget(Share{0.16}), Budget(Count{100})));
  EXPECT_DOUBLE_EQ(parse_budget("24").share_of(240), 0.1);
  EXPECT_DOUBLE_EQ(parse_budget("0.16").share_of(240), 0.16);
}

TEST(Budget, TextAndLabelOfKnownBudgets) {
  EXPECT_EQ(parse_budget("0.16").text(), "0.16");
  EXPECT_EQ(parse_budget("0.16").label(), "16 %");
  EXPECT_EQ(parse_budget("0.5%").label(), "0.5 %");
  EXPECT_EQ(parse_budget("0.07").label(), "7 %");
  EXPECT_EQ(parse_budget("100").text(), "100");
  EXPECT_EQ(parse_budget("100").label(), "100");
  EXPECT_EQ(parse_budget("1.0").text(), "1.0") << "1 is one sample";
  EXPECT_EQ(parse_budget("1.0").label(), "100 %");
  EXPECT_EQ(parse_budget("1").text(), "1");
}

TEST(Budget, WhatIsPrintedCanBeTyped) {
  Rng rng(1, "tests/budget");
  for (int i = 0; i < 20000; ++i) {
    // Shares of all magnitudes, round and odd ones, and counts.
    double share = 1 - rng.uniform();
    for (std::uint64_t scale = rng.below(6); scale > 0; --scale) share /= 10;
    if (i % 3 == 0) share = static_cast<double>(1 + rng.below(1000)) / 1000;
    for (const Budget& budget :
         {Budget(Share{share}), Budget(Count{1 + static_cast<std::int64_t>(rng.below(1U << 30))})}) {
      ASSERT_EQ(parse_budget(budget.text()), budget) << budget.text();
      ASSERT_EQ(parse_budget(budget.label()), budget) << budget.label();
      ASSERT_EQ(parse_budgets("[" + budget.label() + "]").front(), budget);
    }
  }
}

TEST(Budget, MoreIsNeverFewerRows) {
  Rng rng(2, "tests/budget");
  for (int i = 0; i < 2000; ++i) {
    const auto pool = 1 + static_cast<std::int64_t>(rng.below(100000));
    const double a = 1 - rng.uniform(), b = 1 - rng.uniform();
    const auto fewer = Budget(Share{std::min(a, b)}).rows(pool), more = Budget(Share{std::max(a, b)}).rows(pool);
    ASSERT_LE(fewer, more);
    ASSERT_GE(fewer, 1);
    ASSERT_LE(more, pool);
  }
  EXPECT_EQ(Budget().rows(12345), 12345) << "the default is the whole pool";
}

TEST(Budget, RefusalsNameKeyAndValue) {
  for (const char* text : {"0", "0.0", "-0.1", "-3"}) {
    EXPECT_THAT(message_of([&] { parse_budget(text); }),
                HasSubstr(std::string("budget=") + text + " would choose nothing"));
  }
  EXPECT_THAT(message_of([] { parse_budget("1.5"); }), HasSubstr("budget=1.5 is a share above 1"));
  EXPECT_THAT(message_of([] { parse_budget("101 %"); }), HasSubstr("is a share above 1"));
  for (const char* text : {"abc", "", "0.1x", "nan", "inf", "0,1x", "%", "1 6 %"}) {
    EXPECT_THAT(message_of([&] { parse_budget(text, "b"); }), HasSubstr("is neither a share nor a number")) << text;
  }
  EXPECT_THAT(message_of([] { parse_budget("99999999999999999999"); }), HasSubstr("too large"));
  EXPECT_THAT(message_of([] { parse_budget("9").rows(8); }), HasSubstr("more than the 8 rows"));
  EXPECT_THAT(message_of([] { parse_budgets("0.16,16%"); }), HasSubstr("'budget' holds 0.16 twice"));
  EXPECT_EQ(parse_budgets("[1.0,1]").size(), 2U) << "the whole pool and one sample";
  EXPECT_THROW(Budget(Share{std::nan("")}), UserError);
  EXPECT_THROW(Budget(Share{1.01}), UserError);
  EXPECT_THROW(Budget(Count{0}), UserError);
}

}  // namespace
}  // namespace scalselect
