// Texts that would cost the stack or the memory end in a sentence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "experiments/config/override.h"
#include "experiments/config/resolve.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

using testing::HasSubstr;

template <class Body>
std::string refusal(const Body& body) {
  try {
    body();
  } catch (const UserError& error) {
    return error.what();
  }
  return "taken";
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

std::string override_refusal(const std::string& word) {
  return refusal([&] { parse_override(word); });
}

std::string yaml_refusal(const std::string& text) {
  return refusal([&] { parse_yaml(text, "x.yaml"); });
}

std::string resolve_refusal(const std::string& text) {
  return refusal([&] { resolve(parse_yaml(text, "x.yaml")); });
}

/// a0: FIRST, then nine lines of which each holds the one before ten times, as `item` writes it.
std::string bomb(const std::string& first, const std::string& open, const std::string& close,
                 const std::function<std::string(int)>& item, const std::string& between) {
  std::string text = first;
  for (int i = 1; i < 10; ++i) {
    text += "a" + std::to_string(i) + ": " + open;
    for (int k = 0; k < 10; ++k) text += (k ? between : "") + item(i - 1);
    text += close + "\n";
  }
  return text;
}

TEST(Limits, NestedOverrides) {
  EXPECT_THAT(override_refusal("name=" + repeated("[", 10000)), HasSubstr("nested more than 100 deep"));
  EXPECT_THAT(override_refusal("name=" + repeated("{a:", 10000)), HasSubstr("nested more than 100 deep"));
  EXPECT_THAT(override_refusal("name=" + repeated("int(", 10000)), HasSubstr("nested more than 100 deep"));
  EXPECT_LT(override_refusal("name=" + repeated("[", 10000)).size(), 1000u);
  EXPECT_EQ(override_refusal("name=" + repeated("[", 99) + repeated("]", 99)), "taken");
}

TEST(Limits, LongKeys) {
  EXPECT_THAT(override_refusal("+a" + repeated(".a", 10000) + "=1"), HasSubstr("at most 100 steps"));
  EXPECT_THAT(override_refusal("+g@a" + repeated(".a", 10000) + "=1"), HasSubstr("at most 100 steps"));
}

TEST(Limits, NestedYaml) {
  EXPECT_THAT(yaml_refusal("a: " + repeated("[", 10000)), HasSubstr("x.yaml:1"));
  EXPECT_THAT(yaml_refusal("a: " + repeated("[", 200) + repeated("]", 200)), HasSubstr("nested more than 100 deep"));
  EXPECT_THAT(yaml_refusal("a: " + repeated("{b: ", 200) + repeated("}", 200)), HasSubstr("nested more than 100 deep"));
}

TEST(Limits, LongNumbersAreText) {
  const auto digits = repeated("1", 400000);
  const auto value = parse_yaml("a: " + digits, "x.yaml");
  EXPECT_EQ(value.find("a")->as_string(), digits);
  EXPECT_EQ(to_yaml(value), "a: '" + digits + "'\n");
}

TEST(Limits, YamlAliases) {
  std::string text = "a0: &a0 [1,2,3,4,5,6,7,8,9,10]\n";
  for (int i = 1; i < 10; ++i) {
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" +
            repeated("*a" + std::to_string(i - 1) + ",", 9) + "*a" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_THAT(yaml_refusal(text), HasSubstr("more than 100000 values"));
}

TEST(Limits, Interpolations) {
  const auto reference = [](int i) { return "${a" + std::to_string(i) + "}"; };
  EXPECT_THAT(resolve_refusal(bomb("a0: x\n", "\"", "\"", reference, "")), HasSubstr("more than 100000 values"));
  EXPECT_THAT(resolve_refusal(bomb("a0: [1, 2]\n", "[\"", "\"]", reference, "\", \"")),
              HasSubstr("more than 100000 values"));
  const auto large = "a0: " + repeated("x", 200000) + "\na1: \"" + repeated("${a0}", 10) + "\"\n";
  EXPECT_THAT(resolve_refusal(large), HasSubstr("more than 1000000 bytes"));
  EXPECT_THAT(yaml_refusal("a: \"${oc.create:" + repeated("[", 10000) + "}\""), HasSubstr("nested more than 100 deep"));
}

std::string sweep_refusal(const std::vector<std::string>& words) {
  return refusal([&] { expand_sweep(words, [](const std::string&) { return std::vector<std::string>(); }); });
}

TEST(Limits, SweepsAreCountedBeforeTheyAreMade) {
  EXPECT_THAT(sweep_refusal({"seed=range(1,1000000)", "budget=range(1,1000000)"}),
              HasSubstr("The sweep has 999998000001 jobs (999999 of seed x 999999 of budget)"));
  EXPECT_THAT(sweep_refusal({"seed=range(1,1000000)"}), HasSubstr("at most 10000"));
  EXPECT_THAT(sweep_refusal({"a=range(0,900000000000000)", "b=range(0,900000000000000,0.1)", "c=range(0,1e12,1e-3)"}),
              HasSubstr("at most 10000"));
  EXPECT_THAT(sweep_refusal({"x=range(0,1e15,1e-3)"}), HasSubstr("a bound or a step of too many digits"));
  EXPECT_EQ(sweep_refusal({"seed=range(10000)"}), "taken");
  EXPECT_EQ(sweep_refusal({"seed=range(-10)", "budget=range(1,10)"}), "taken");  // no value, no job
}

}  // namespace
}  // namespace scalselect::config
