// JSON as Python's json module reads and writes it, which is a superset of the standard.
#pragma once

#include <string>
#include <string_view>

namespace scalselect {

/// The same value as standard JSON: NaN, Infinity and numbers too large for a double become null, integers of more than
/// 18 digits become strings of their digits, lone surrogates and bytes that are not UTF-8 become U+FFFD. Everything
/// else is copied, so text that is not JSON either way stays that.
struct StandardJson {
  explicit StandardJson(std::string_view python);

  std::string text;
  bool replaced = false;  ///< there were characters that are not in Unicode
};

}  // namespace scalselect
