#include "baselines/method_pages.h"

#include <fmt/format.h>

#include <cctype>

namespace scalselect {
namespace {

std::string names_of(const std::vector<FeatureSpec>& specs) {
  std::string names;
  for (const auto& spec : specs) names += (names.empty() ? "`" : " and `") + feature_name(spec) + "`";
  return names;
}

std::string features_text(const Method& method) {
  std::string text = names_of(method.needs);
  if (text.empty()) text = "nothing of the model";
  if (const auto target = names_of(method.target_needs); !target.empty())
    text += (method.requires_target ? " and, of the target pool that it requires, "
                                    : " and, if a target pool is given, its ") +
            target;
  return text;
}

const char* budget_text(const Method& method) {
  if (method.list) return "takes all that the file names, whatever the budget, and the top of a ranking";
  switch (method.budget_use) {
    case BudgetUse::kScores: return "ranks all samples once, every budget takes the top";
    case BudgetUse::kPrefix: return "chooses in order, a smaller budget is a prefix";
    case BudgetUse::kEach: return "chooses separately for every budget";
    case BudgetUse::kAll: return "takes every sample that can be used, whatever the budget";
  }
  return "";
}

/// A cell of a table: a bar would end it.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string options_table(const std::vector<OptionDoc>& options) {
  if (options.empty()) return "";
  std::string table = "\n| option | values | default | |\n|---|---|---|---|\n";
  for (const auto& option : options) {
    const auto value = option.default_value.empty() ? "" : "`" + option.default_value + "`";
    table += fmt::format("| `{}` | {} | {} | {} |\n", option.name, cell(option.type), cell(value), cell(option.help));
  }
  return table;
}

}  // namespace

std::string method_page(const MethodEntry& entry) {
  const auto method = entry.make(nlohmann::json::object(), "", {});
  return fmt::format(
      "## `{}`\n\n{}. It reads {}, {}, and {}. Cost: {}. Source: {}.\n{}", entry.name,
      static_cast<char>(std::toupper(static_cast<unsigned char>(entry.summary[0]))) + entry.summary.substr(1),
      features_text(method), budget_text(method), method.uses_seed ? "uses the seed" : "ignores the seed", entry.cost,
      entry.source, options_table(entry.options));
}

std::string methods_markdown() {
  std::string text =
      "# Selection methods\n\nWritten by `scalselect methods --markdown` from the registry. N: samples, M: budget, d: "
      "width of a vector. `method=NAME` chooses one; an option is `method.OPTION=VALUE`.\n\n| method | what it ranks "
      "or covers |\n|---|---|\n";
  for (const auto& entry : methods()) text += fmt::format("| [`{0}`](#{0}) | {1} |\n", entry.name, cell(entry.summary));
  for (const auto& entry : methods()) text += "\n" + method_page(entry);
  return text;
}

}  // namespace scalselect
