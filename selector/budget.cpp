#include "selector/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/check.h"
#include "core/error.h"

namespace scalselect {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

[[noreturn]] void refuse_budget(std::string_view key, std::string_view text, const char* why) {
  throw UserError(ErrorKind::kUsage, fmt::format("{}={} {}.", key, text, why),
                  "Give a share above 0 and up to 1.0 (0.16, 16%) or a number of samples (100000).");
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Count parse_count(std::string_view text, std::string_view key) {
  std::int64_t count = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (code != std::errc{}) refuse_budget(key, text, "is too large a number");
  if (count == 0) refuse_budget(key, text, "would choose nothing");
  return {count};
}

/// The number that `text` is, NaN if it is none.
double parse_number(std::string_view text) {
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = code == std::errc{} && end == text.data() + text.size();
  return whole && !text.empty() && std::isfinite(number) ? number : std::nan("");
}

}  // namespace

Budget::Budget(Share share) : value_(share) {
  if (share.value > 0 && share.value <= 1) return;
  const auto text = fmt::format("{}", share.value);
  refuse_budget("budget", text, share.value > 1 ? "is a share above 1" : "would choose nothing");
}

Budget::Budget(Count count) : value_(count) {
  if (count.value < 1) refuse_budget("budget", std::to_string(count.value), "would choose nothing");
}

std::int64_t Budget::rows(std::int64_t pool_rows) const {
  SCALSELECT_CHECK(pool_rows >= 1);
  if (const auto* share = std::get_if<Share>(&value_)) {
    return std::max<std::int64_t>(1, std::llround(share->value * static_cast<double>(pool_rows)));
  }
  const auto count = std::get<Count>(value_).value;
  if (count > pool_rows) {
    throw UserError(ErrorKind::kUsage, fmt::format("budget={} is more than the {} rows there are.", count, pool_rows),
                    "Lower the budget.");
  }
  return count;
}

double Budget::share_of(std::int64_t pool_rows) const {
  if (const auto* share = std::get_if<Share>(&value_)) return share->value;
  return static_cast<double>(std::get<Count>(value_).value) / static_cast<double>(pool_rows);
}

std::string Budget::text() const {
  if (const auto* count = std::get_if<Count>(&value_)) return std::to_string(count->value);
  const auto text = fmt::format("{}", std::get<Share>(value_).value);
  return all_digits(text) ? text + ".0" : text;  // "1" would be one sample
}

std::string Budget::label() const {
  const auto* share = std::get_if<Share>(&value_);
  if (share == nullptr) return text();
  for (int digits = 1; digits <= 17; ++digits) {
    const double percent = parse_number(fmt::format("{:.{}g}", 100 * share->value, digits));
    if (percent / 100 == share->value) return fmt::format("{} %", percent);
  }
  return text();  // no decimal percentage is this share
}

Budget parse_budget(std::string_view text, std::string_view key) {
  const std::string_view whole = trimmed(text);
  if (all_digits(whole)) return parse_count(whole, key);
  const bool percent = whole.ends_with('%');
  double share = parse_number(percent ? trimmed(whole.substr(0, whole.size() - 1)) : whole);
  if (std::isnan(share)) refuse_budget(key, whole, "is neither a share nor a number of samples");
  if (percent) share /= 100;
  if (share <= 0) refuse_budget(key, whole, "would choose nothing");
  if (share > 1) refuse_budget(key, whole, "is a share above 1");
  return Share{share};
}

std::vector<Budget> parse_budgets(std::string_view text, std::string_view key) {
  std::string_view rest = trimmed(text);
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  std::vector<Budget> budgets;
  while (true) {
    const auto comma = rest.find(',');
    budgets.push_back(parse_budget(rest.substr(0, comma), key));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  check_budgets(budgets, key);
  return budgets;
}

void check_budgets(const std::vector<Budget>& budgets, std::string_view key) {
  if (budgets.empty()) {
    throw UserError(ErrorKind::kUsage, fmt::format("'{}' is an empty list.", key),
                    "Give at least one share or number.");
  }
  for (auto budget = budgets.begin(); budget != budgets.end(); ++budget) {
    if (std::find(budgets.begin(), budget, *budget) == budget) continue;
    throw UserError(ErrorKind::kUsage, fmt::format("'{}' holds {} twice.", key, budget->text()), "Name it once.");
  }
}

Budget budget_from(const nlohmann::json& value) {
  if (value.is_number_integer() || value.is_number_float()) return parse_budget(value.dump());
  if (value.is_string()) return parse_budget(value.get<std::string>());
  refuse_budget("budget", value.dump(), "is neither a number nor text");
}

std::vector<Budget> budgets_from(const nlohmann::json& value) {
  if (value.is_string()) return parse_budgets(value.get<std::string>());
  std::vector<Budget> budgets;
  if (!value.is_array()) budgets.push_back(budget_from(value));
  else std::transform(value.begin(), value.end(), std::back_inserter(budgets), budget_from);
  check_budgets(budgets);
  return budgets;
}

}  // namespace scalselect
