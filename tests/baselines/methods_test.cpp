#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <set>

#include "baselines/registry.h"
#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "selector/choose.h"
#include "tests/baselines/table_test_util.h"

namespace scalselect {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

MethodInput input_of(FeatureTable table, std::int64_t pool_size, std::uint64_t seed = 1) {
  MethodInput input;
  input.pool_size = pool_size;
  input.candidates = table.rows;
  input.features = {std::move(table)};
  input.seed = seed;
  return input;
}

MethodInput plain_input(std::int64_t size, std::uint64_t seed) {
  MethodInput input;
  input.pool_size = size;
  input.seed = seed;
  for (std::int64_t row = 0; row < size; ++row) input.candidates.push_back(row);
  return input;
}

std::vector<float> gaussian(std::int64_t rows, std::int64_t cols) {
  Rng rng(3, "methods_test");
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows * cols; ++i) values.push_back(static_cast<float>(rng.normal()));
  return values;
}

/// Random vectors of the right width; counts, losses and norms are positive.
FeatureTable random_table(const FeatureSpec& spec, std::int64_t size) {
  const bool norm = std::holds_alternative<GradientNormSpec>(spec),
             counts = std::holds_alternative<TokenCountSpec>(spec),
             losses = std::holds_alternative<AnswerLossSpec>(spec);
  const std::int64_t width = norm ? 1 : counts ? 5 : losses ? 4 : 8;
  auto values = gaussian(size, width);
  if (norm || counts || losses) {
    for (float& value : values) value = std::abs(value) + 1;
  }
  return table_of(std::move(values), width);
}

/// Tables for whatever one method needs, of the pool and of nine target samples.
MethodInput random_input(const Method& method, std::int64_t size) {
  auto input = plain_input(size, 1);
  for (const auto& spec : method.needs) input.features.push_back(random_table(spec, size));
  if (method.list) input.listed = method.list(nullptr, size);
  if (!method.requires_target) return input;
  TargetInput target;
  for (const auto& spec : method.target_needs) target.features.push_back(random_table(spec, 9));
  for (std::int64_t row = 0; row < 9; ++row) {
    target.rows.push_back(row);
    target.tasks.push_back("task" + std::to_string(row % 3));
  }
  input.target = std::move(target);
  return input;
}

/// A list of all 60 rows, last first.
std::string list_file() {
  const auto file = std::filesystem::path(::testing::TempDir()) / "methods_test_rows.txt";
  std::string text;
  for (int row = 59; row >= 0; --row) text += std::to_string(row) + "\n";
  write_file_atomically(file, text);
  return file.string();
}

/// Defaults, except where they suit larger pools than a test's, or a file is needed.
Json contract_options(const std::string& method) {
  if (method == "ids") return {{"path", list_file()}};
  const bool clusters = method == "coincide" || method == "scalselect_clustered";
  return clusters ? Json{{"clusters", 5}} : Json::object();
}

TEST(Registry, EveryMethodKeepsTheContract) {
  for (const auto& entry : methods()) {
    const auto method = entry.make(contract_options(entry.name), "", {});
    const auto input = random_input(method, 60);
    const auto whole = choose(method, input, Count{60}), part = choose(method, input, Count{10});
    EXPECT_EQ(std::set<std::int64_t>(whole.rows.begin(), whole.rows.end()).size(), 60U) << entry.name;
    const bool all = method.budget_use == BudgetUse::kAll;
    ASSERT_EQ(part.rows.size(), all ? 60U : 10U) << entry.name;
    EXPECT_EQ(choose(method, input, Count{10}).rows, part.rows) << entry.name;
    if (method.budget_use != BudgetUse::kEach) {
      EXPECT_TRUE(std::equal(part.rows.begin(), part.rows.end(), whole.rows.begin(),
                             whole.rows.begin() + std::ssize(part.rows)))
          << entry.name;
    }
    set_threads(3);
    EXPECT_EQ(choose(method, input, Count{60}).rows, whole.rows) << entry.name;
    set_threads(0);
    auto reseeded = input;
    reseeded.seed = 2;
    EXPECT_EQ(choose(method, reseeded, Count{10}).rows != part.rows, method.uses_seed) << entry.name;
    EXPECT_FALSE(entry.summary.empty() || entry.cost.empty() || entry.source.empty()) << entry.name;
    const auto own = std::count_if(entry.options.begin(), entry.options.end(),
                                   [](const OptionDoc& doc) { return doc.name.find('.') == std::string::npos; });
    EXPECT_EQ(std::ssize(entry.resolve(Json::object())), own) << entry.name << ": nested options have dotted names";
  }
}

TEST(Registry, RefusesUnknownNamesAndOptions) {
  try {
    find_method("scalselct");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("scalselect"));
  }
  EXPECT_THROW(make_method("length", {{"counts", "all"}}), UserError);
  EXPECT_THROW(make_method("length", {{"count", "words"}}), UserError);
}

TEST(Random, IsAPermutationThatTheSeedDecides) {
  const auto method = make_method("random");
  const auto a = choose(method, plain_input(1000, 1), Count{1000}).rows;
  EXPECT_EQ(choose(method, plain_input(1000, 1), Count{1000}).rows, a);
  EXPECT_NE(choose(method, plain_input(1000, 2), Count{1000}).rows, a);
  // Integer arithmetic only: the same list everywhere.
  EXPECT_THAT(std::vector<std::int64_t>(a.begin(), a.begin() + 5), ElementsAre(139, 968, 143, 740, 910));
}

TEST(Length, TakesTheLongestInAnyUnit) {
  const auto input = input_of(table_of({9, 1, 12, 4, 30, 8, 5, 14, 1, 20, 7, 4, 13, 3, 90}, 5, {0, 2, 5}), 6);
  const auto ranked = [&](const char* unit) {
    return choose(make_method("length", {{"count", unit}}), input, Count{3}).rows;
  };
  EXPECT_THAT(choose(make_method("length"), input, Count{3}).rows, ElementsAre(2, 5, 0)) << "tokens of the answers";
  EXPECT_THAT(ranked("user"), ElementsAre(0, 2, 5));
  EXPECT_THAT(ranked("conversation"), ElementsAre(2, 5, 0));
  EXPECT_THAT(ranked("all"), ElementsAre(2, 5, 0));
  EXPECT_THAT(ranked("turns"), ElementsAre(0, 5, 2));
  EXPECT_THAT(ranked("characters"), ElementsAre(5, 0, 2));
  EXPECT_THAT(choose(make_method("length", {{"longest", false}}), input, Count{1}).rows, ElementsAre(0));
  const auto scores = choose(make_method("length", {{"count", "conversation"}}), input, Count{1}).scores;
  EXPECT_EQ(scores[2], 13);
  EXPECT_TRUE(std::isnan(scores[1]));
}

TEST(Perplexity, MiddleHighAndLow) {
  // mean losses 1, 5, 2, 4, 3; the third column says the opposite
  const auto input = input_of(table_of({2, 2, 5, 0, 5, 1, 1, 0, 8, 4, 4, 0, 4, 1, 2, 0, 9, 3, 3, 0}, 4), 5);
  EXPECT_THAT(choose(make_method("perplexity", {{"part", "high"}}), input, Count{2}).rows, ElementsAre(1, 3));
  EXPECT_THAT(choose(make_method("perplexity", {{"part", "low"}}), input, Count{2}).rows, ElementsAre(0, 2));
  EXPECT_THAT(choose(make_method("perplexity", {{"part", "high"}, {"average", "turns"}}), input, Count{2}).rows,
              ElementsAre(0, 2));
  // Descending: rows 1 3 4 2 0. Window of M from N/2 - M/2.
  const auto middle = make_method("perplexity");
  EXPECT_THAT(choose(middle, input, Count{1}).rows, ElementsAre(4));
  EXPECT_THAT(choose(middle, input, Count{2}).rows, ElementsAre(4, 3));
  EXPECT_THAT(choose(middle, input, Count{3}).rows, ElementsAre(4, 3, 2));
  EXPECT_THAT(choose(middle, input, Count{5}).rows, ElementsAre(4, 3, 2, 1, 0));
}

TEST(KCenter, StartsLongestAndGoesFarthest) {
  const Json raw{{"normalize", false}};
  const auto line = input_of(table_of({0, 1, 2, 3, 10}, 1), 5);
  const auto result = choose(make_method("k_center", raw), line, Count{4});
  EXPECT_THAT(result.rows, ElementsAre(4, 0, 3, 1)) << "after 10 and 0: 3, then 1 and 2 tie";
  EXPECT_EQ(result.facts["radius"], 1);
  const auto square = input_of(table_of({1, 0, 0, 1, -1, 0, 0, -1, 5, 5}, 2), 5);
  EXPECT_THAT(choose(make_method("k_center"), square, Count{2}).rows, ElementsAre(4, 2))
      << "rows 2 and 3 tie on the circle";
}

TEST(KCenter, CopiesAreTakenLast) {
  const auto input = input_of(table_of({1, 0, 1, 0, 0, 1, 0, 1}, 2), 4);
  EXPECT_THAT(choose(make_method("k_center"), input, Count{4}).rows, ElementsAre(0, 2, 1, 3));
}

/// Round-robin written down plainly.
std::vector<std::int64_t> plain_round_robin(const std::vector<float>& values, std::int64_t cols,
                                            const std::vector<std::int64_t>& queries, std::size_t budget) {
  const auto rows = static_cast<std::int64_t>(values.size()) / cols;
  const auto cosine = [&](std::int64_t a, std::int64_t b) {
    double product = 0, left = 0, right = 0;
    for (std::int64_t j = 0; j < cols; ++j) {
      const double x = values[static_cast<std::size_t>(a * cols + j)],
                   y = values[static_cast<std::size_t>(b * cols + j)];
      product += x * y;
      left += x * x;
      right += y * y;
    }
    return product / std::sqrt(left * right);
  };
  std::vector<std::vector<std::int64_t>> lists;
  for (const auto query : queries) {
    std::vector<std::int64_t> list;
    for (std::int64_t i = 0; i < rows; ++i) {
      if (i != query) list.push_back(i);
    }
    std::sort(list.begin(), list.end(), [&](auto a, auto b) { return cosine(a, query) > cosine(b, query); });
    lists.push_back(list);
  }
  std::vector<std::int64_t> taken;
  for (std::size_t rank = 0; taken.size() < budget; ++rank) {
    for (const auto& list : lists) {
      if (taken.size() < budget && std::find(taken.begin(), taken.end(), list[rank]) == taken.end())
        taken.push_back(list[rank]);
    }
  }
  return taken;
}

TEST(RdsPlus, IsRoundRobinOverDrawnQueries) {
  const auto values = gaussian(200, 6);
  std::vector<std::int64_t> queries(200);
  std::iota(queries.begin(), queries.end(), 0);
  Rng(1, "baselines/rds_plus").shuffle(queries);
  queries.resize(7);
  const auto input = input_of(table_of(values, 6), 200);
  const auto rows = choose(make_method("rds_plus", {{"queries", 7}}), input, Count{150}).rows;
  EXPECT_EQ(rows, plain_round_robin(values, 6, queries, 150));
}

TEST(RdsPlus, OneQueryLeavesItselfForLast) {
  const auto input = input_of(table_of(gaussian(10, 3), 3), 10);
  const auto rows = choose(make_method("rds_plus", {{"queries", 1}}), input, Count{10}).rows;
  EXPECT_EQ(std::set<std::int64_t>(rows.begin(), rows.end()).size(), 10U);
}

TEST(Variants, NameTheirFeatures) {
  EXPECT_EQ(feature_name(make_method("scalselect_all_tokens").needs[0]),
            "pooled_visual(hidden_layer=1,roles=strict,tokens=all)");
  EXPECT_EQ(feature_name(make_method("scalselect_no_instruction").needs[0]),
            "pooled_visual(hidden_layer=0,roles=strict,tokens=all)");
  EXPECT_EQ(feature_name(make_method("k_center").needs[0]), feature_name(make_method("scalselect").needs[0]))
      << "one extraction serves both";
}

TEST(Memory, IsRefusedWithTheEstimateBeforeItIsTaken) {
  struct Huge final : RowSource {
    std::int64_t rows() const override { return 4; }
    std::int64_t cols() const override { return std::int64_t{1} << 42; }
    void read(std::int64_t, std::int64_t, float*) const override { FAIL(); }
  };
  const auto input = input_of({std::make_shared<Huge>(), {0, 1, 2, 3}}, 4);
  try {
    choose(make_method("k_center"), input, Count{2});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("method=k_center needs 70368.7 GB"));
  }
}

}  // namespace
}  // namespace scalselect
