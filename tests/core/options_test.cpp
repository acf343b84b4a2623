#include "core/options.h"

#include <gtest/gtest.h>

#include "tests/message_of.h"

namespace scalselect {
namespace {

enum class Pooling { kMass, kAll };
struct Inner {
  int depth = 1;
  template <class V>
  static void describe(V& v, Inner& o) {
    v.field("depth", o.depth, "levels", Range{0, 9});
  }
};
struct Outer {
  double theta = 0.9;
  std::optional<int> top_k;
  std::vector<std::string> names;
  Pooling pooling = Pooling::kMass;
  Inner inner;
  template <class V>
  static void describe(V& v, Outer& o) {
    v.field("theta", o.theta, "mass", Range{0, 1});
    v.field("top_k", o.top_k, "count");
    v.field("names", o.names, "names");
    v.choice("pooling", o.pooling, {{"mass", Pooling::kMass}, {"all", Pooling::kAll}}, "which tokens");
    v.field("inner", o.inner, "nested");
  }
};

std::string message(const nlohmann::json& tree) {
  return message_of([&] { bind_options<Outer>(tree, "method"); });
}

TEST(Options, BindsAndDumpsEveryKindOfField) {
  const auto options = bind_options<Outer>(
      {{"theta", 0.5}, {"top_k", 3}, {"names", {"a", "b"}}, {"pooling", "all"}, {"inner", {{"depth", 4}}}});
  EXPECT_EQ(dump_options(options).dump(),
            R"({"theta":0.5,"top_k":3,"names":["a","b"],"pooling":"all","inner":{"depth":4}})");
}

TEST(Options, NamesTheNearestKeyAndTheKnownOnes) {
  EXPECT_EQ(
      message({{"tetha", 1}}),
      "There is no key 'method.tetha'. Did you mean 'theta'? Known keys here: theta, top_k, names, pooling, inner.");
}

TEST(Options, NamesKeyValueAndExpectedType) {
  EXPECT_EQ(message({{"theta", "abc"}}), "'method.theta' is \"abc\", but must be a number.");
  EXPECT_EQ(message({{"theta", 1.5}}), "'method.theta' is 1.5, but must lie in [0, 1].");
  EXPECT_EQ(message({{"inner", {{"depth", true}}}}), "'method.inner.depth' is true, but must be an integer.");
  EXPECT_EQ(message({{"pooling", "some"}}), "'method.pooling' is \"some\", but must be one of mass, all.");
}

TEST(Options, ListsDefaultsForDocumentation) {
  const auto docs = document_options<Outer>();
  ASSERT_EQ(docs.size(), 6u);
  EXPECT_EQ(docs[0].default_value, "0.9");
  EXPECT_EQ(docs[3].type, "mass | all");
  EXPECT_EQ(docs[4].default_value, "");
  EXPECT_EQ(docs[5].name, "inner.depth");
  EXPECT_EQ(docs[5].help, "levels");
}

}  // namespace
}  // namespace scalselect
