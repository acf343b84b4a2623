// The coverage methods against submodlib, apricot and the authors' code (golden/make_coverage.py).
#include <gmock/gmock.h>

#include "baselines/registry.h"
#include "core/files.h"
#include "selector/choose.h"
#include "tests/baselines/coverage_tables.h"

namespace scalselect {
namespace {

using Json = nlohmann::json;
using Rows = std::vector<std::int64_t>;

struct Golden {
  Json tree = Json::parse(read_file(SCALSELECT_TEST_DATA "/coverage.json"));
  std::int64_t cols = tree["cols"];
  std::vector<float> matrix = tree["matrix"];

  MethodInput input() const { return input_over(matrix, cols); }
};

Rows select_rows(const std::string& method, const Json& options, const MethodInput& input, std::int64_t budget) {
  return choose(make_method(method, options), input, Count{budget}).rows;
}

/// Options for a kernel of the golden file.
Json kernel_options(const std::string& name, const Json& gamma) {
  if (name == "rbf") return {{"metric", "rbf"}, {"gamma", gamma}};
  return {{"metric", name == "rbf_default" ? "rbf" : name}};
}

TEST(Coverage, OrdersAreThoseOfTheLibrariesForEveryMetric) {
  const Golden golden;
  for (const std::string method : {"facility_location", "graph_cut", "log_det"}) {
    for (const std::string kernel : {"cosine", "cosine_shifted", "dot", "rbf", "rbf_default"}) {
      auto options = kernel_options(kernel, golden.tree["gamma"]);
      if (method == "graph_cut") options["lambda"] = 0.4;
      if (method == "log_det") options["ridge"] = 0.01;
      const Rows expected = golden.tree[method][kernel];
      EXPECT_EQ(select_rows(method, options, golden.input(), static_cast<std::int64_t>(expected.size())), expected)
          << method << " " << kernel;
    }
  }
}

TEST(FacilityLocation, SparseFormIsApricotsOnACutKernel) {
  const Golden golden;
  const auto& sparse = golden.tree["facility_location"]["sparse"];
  const Json options{{"form", "sparse"}, {"neighbors", sparse["neighbors"]}};
  EXPECT_EQ(select_rows("facility_location", options, golden.input(), 12), sparse["rows"].get<Rows>());
}

TEST(D2Pruning, OrdersAreTheAuthors) {
  const Golden golden;
  const auto losses = loss_rows(golden.tree["d2_pruning"]["loss"]);
  for (const auto& expected : golden.tree["d2_pruning"]["cases"]) {
    auto input = golden.input();
    input.features.push_back(table_over(losses, 3));
    const Json options{
        {"normalize", expected["normalize"]}, {"neighbors", expected["neighbors"]}, {"gamma", expected["gamma"]}};
    EXPECT_EQ(select_rows("d2_pruning", options, input, 25), expected["rows"].get<Rows>()) << options;
  }
}

TEST(SelfFilter, OrdersAreThePapersUpdate) {
  const Golden golden;
  for (const auto& expected : golden.tree["self_filter"]) {
    const auto losses = loss_rows(expected["loss"]);
    auto input = golden.input();
    input.features.push_back(table_over(losses, 3));
    const Json options{{"neighbors", expected["neighbors"]}, {"gamma", expected["gamma"]}};
    EXPECT_EQ(select_rows("self_filter", options, input, 70), expected["rows"].get<Rows>()) << options;
  }
}

TEST(SemDeDup, ScoresAreTheAuthors) {
  const Golden golden;
  const auto& expected = golden.tree["semdedup"];
  const std::vector<float> values = expected["matrix"];
  const auto result = choose(make_method("semdedup", {{"clusters", 3}}), input_over(values, golden.cols), Count{60});
  for (std::size_t i = 0; i < 60; ++i) EXPECT_NEAR(1 - result.scores[i], expected["likeness"][i], 1e-6) << i;
}

}  // namespace
}  // namespace scalselect
