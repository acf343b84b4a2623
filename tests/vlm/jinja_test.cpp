#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "vlm/jinja/template.h"

namespace scalselect::vlm::jinja {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

const std::filesystem::path kGolden = std::filesystem::path(SCALSELECT_TEST_DATA) / "jinja";

/// Noon of Friday, 26 July 2024.
std::tm noon() {
  std::tm date{};
  date.tm_year = 124;
  date.tm_mon = 6;
  date.tm_mday = 26;
  date.tm_wday = 5;
  date.tm_hour = 12;
  return date;
}

/// {"text": …}, {"raised": …} or {"error": …}, as in the golden files.
Json rendered(const std::string& source, const Value& variables) {
  try {
    return {{"text", Template(source).render(variables, noon())}};
  } catch (const Raised& error) {
    return {{"raised", error.what()}};
  } catch (const Error& error) {
    return {{"error", error.what()}};
  }
}

/// Errors have sentences of their own.
void expect_same(const Json& made, const Json& wanted, const std::string& what) {
  if (wanted.contains("error")) EXPECT_TRUE(made.contains("error")) << what << ": " << made << "; not " << wanted;
  else EXPECT_EQ(made, wanted) << what;
}

std::string refusal(const std::string& source, const Json& variables = Json::object()) {
  const auto made = rendered(source, Value::from_json(variables));
  return made.contains("error") ? made["error"].get<std::string>() : "nothing: " + made.dump().substr(0, 100);
}

// golden/make_jinja.py: Jinja2 itself.
TEST(Jinja, AgreesWithJinja2) {
  std::ifstream in(kGolden / "snippets.jsonl");
  std::string line;
  std::getline(in, line);
  const auto variables = Value::from_json(Json::parse(line)["variables"]);
  int count = 0;
  for (; std::getline(in, line); ++count) {
    auto wanted = Json::parse(line);
    const auto source = wanted["source"].get<std::string>();
    wanted.erase("source");
    expect_same(rendered(source, variables), wanted, source);
  }
  EXPECT_EQ(count, 702);
}

// golden/make_chat_templates.py: transformers' rendering of the templates of public model families.
TEST(Jinja, RendersChatTemplatesAsTransformersDoes) {
  std::ifstream in(kGolden / "chat_templates.jsonl");
  std::string line;
  std::getline(in, line);
  const auto given = Json::parse(line);
  int templates = 0, texts = 0;
  for (; std::getline(in, line); ++templates) {
    const auto row = Json::parse(line);
    std::string before;
    std::size_t at = 0;
    for (const auto& [name, messages] : given["conversations"].items()) {
      for (const bool prompt : {false, true}) {
        Json variables = given["special"];
        variables.update(
            {{"messages", messages}, {"tools", nullptr}, {"documents", nullptr}, {"add_generation_prompt", prompt}});
        auto wanted = row["cases"][at++];
        if (wanted.contains("and")) wanted = {{"text", before + wanted["and"].get<std::string>()}};
        const auto made = rendered(row["template"], Value::from_json(variables));
        expect_same(made, wanted, row["name"].get<std::string>() + " " + name);
        before = wanted.value("text", "");
        texts += wanted.contains("text");
      }
    }
    EXPECT_EQ(at, row["cases"].size());
  }
  EXPECT_EQ(templates, 36);
  EXPECT_GE(texts, 550);
}

TEST(Jinja, NamesTheLineOfASyntaxError) {
  EXPECT_EQ(refusal("a\n\n{{ 1 + }}"), "on line 3: a tag ends too early");
  EXPECT_EQ(refusal("{% if x %}\n"), "on line 1: the template ends without {% endif %}");
  EXPECT_THAT(refusal("{% for x in y recursive %}{% endfor %}"), HasSubstr("a recursive loop is not supported"));
  EXPECT_THAT(refusal("{% include 'x' %}"), HasSubstr("{% include %} is not supported"));
}

TEST(Jinja, StopsHostileTemplates) {
  EXPECT_THAT(refusal("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
              HasSubstr("steps"));
  EXPECT_THAT(refusal("{{ 'abc' * 99999999 }}"), HasSubstr("a text of more than 16 MiB"));
  EXPECT_THAT(refusal("{% set n = namespace(s='ab') %}{% for a in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}"),
              HasSubstr("a text of more than 16 MiB"));
  EXPECT_THAT(refusal("{% for a in range(90000) %}{{ 'x' * 5000 }}{% endfor %}"), HasSubstr("16 MiB"));
  EXPECT_THAT(refusal("{{ 'a'.replace('', 'b' * 9000) | replace('b', 'c' * 9000) }}"), HasSubstr("16 MiB"));
  EXPECT_THAT(refusal("{{ range(100001) }}"), HasSubstr("Range too big"));
  EXPECT_THAT(refusal("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"),
              HasSubstr("nested more than 200 levels deep"));
  EXPECT_THAT(refusal("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}"), HasSubstr("200 levels"));
  EXPECT_THAT(refusal("{{ 1" + std::string(5000, '.') + " }}"), HasSubstr("line 1"));
  std::string sum = "1";
  for (int i = 0; i < 5000; ++i) sum += "+1";
  EXPECT_THAT(refusal("{{ " + sum + " }}"), HasSubstr("200 levels"));
  EXPECT_THAT(refusal("{% set n = namespace(l=[]) %}{% for a in range(99) %}{% set n.l = [n.l] %}{% endfor %}"),
              HasSubstr("nested more than 60 levels deep"));
  EXPECT_THAT(refusal("{% set n = namespace(l=[1]) %}{% for a in range(50) %}{% set n.l = [n.l, n.l] %}{% endfor %}"),
              HasSubstr("entries"));
  EXPECT_THAT(refusal("{{ 9223372036854775807 + 1 }}"), HasSubstr("64 bits"));
  EXPECT_THAT(refusal(std::string((1 << 20) + 1, 'x')), HasSubstr("longer than 1 MiB"));
}

// A namespace that holds itself, in a macro that holds its own scope: nothing may be left behind (sanitizers tell).
TEST(Jinja, LetsGoOfCircles) {
  const std::string source =
      "{% set n = namespace() %}{% set n.self = n %}{% macro f(x) %}{% macro g() %}{{ x }}{% endmacro %}"
      "{% set n.g = g %}{% endmacro %}{{ f([n]) }}{% for x in [n] %}{% set n.loop = loop %}{% endfor %}{{ n.loop.index "
      "}}";
  EXPECT_EQ(Template(source).render(Value::from_json(Json::object()), noon()), "1");
}

}  // namespace
}  // namespace scalselect::vlm::jinja
