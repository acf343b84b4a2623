// How many samples a selection takes: a share of the pool or a number, as typed, printed and counted everywhere.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace scalselect {

/// A share of the pool's rows, in (0, 1].
struct Share {
  double value = 1;
  bool operator==(const Share&) const = default;
};

/// A number of rows, >= 1.
struct Count {
  std::int64_t value = 1;
  bool operator==(const Count&) const = default;
};

class Budget {
 public:
  Budget() = default;  ///< the whole pool
  /// Throws UserError(kUsage) for a share outside (0, 1] and a count below 1.
  Budget(Share share);  // NOLINT(google-explicit-constructor): a share is a budget
  Budget(Count count);  // NOLINT(google-explicit-constructor)

  const std::variant<Share, Count>& value() const { return value_; }

  /// Rows to take of a pool of `pool_rows` rows (>= 1). A share means a share of all rows, "16 % of 625K" as in the
  /// literature, whatever a method can use of them: every method of a comparison takes the same number. Rounded to the
  /// nearest integer (halves up), at least 1. Throws UserError(kUsage) for a count larger than `pool_rows`.
  std::int64_t rows(std::int64_t pool_rows) const;
  /// The budget as a fraction of `pool_rows`.
  double share_of(std::int64_t pool_rows) const;

  /// "0.16", "1.0", "100000": what configurations and file names hold. parse_budget(text()) is this budget.
  std::string text() const;
  /// "16 %", "0.5 %", "100000": what tables print. parse_budget(label()) is this budget.
  std::string label() const;

  bool operator==(const Budget&) const = default;

 private:
  std::variant<Share, Count> value_ = Share{};
};

/// "0.16", "16%", "16 %" and "1.0" are shares; digits alone ("1", "100000") are a number of rows.
/// Throws UserError(kUsage) for 0, negative numbers, shares above 1 and anything else; `key` is named in the message.
Budget parse_budget(std::string_view text, std::string_view key = "budget");

/// Several budgets, separated by commas; blanks around them and square brackets around all are allowed. Throws
/// UserError(kUsage) as parse_budget, and for two that are the same.
std::vector<Budget> parse_budgets(std::string_view text, std::string_view key = "budget");

/// A budget as a configuration holds it: a number or text. Throws UserError(kUsage) as parse_budget.
Budget budget_from(const nlohmann::json& value);

/// The same for one budget, several as text, or a list of budgets.
std::vector<Budget> budgets_from(const nlohmann::json& value);

/// Throws UserError(kUsage), naming `key`, for an empty list or one that holds a budget twice.
void check_budgets(const std::vector<Budget>& budgets, std::string_view key = "budget");

}  // namespace scalselect
