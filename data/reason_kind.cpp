#include "data/reason_kind.h"

#include <algorithm>
#include <string_view>

namespace scalselect {
namespace {

/// A key, such as 'conversations': what stands in quotes otherwise is of one row.
bool is_key(std::string_view quoted) {
  return std::all_of(quoted.begin(), quoted.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string reason_kind(const std::string& reason) {
  std::string kind;
  for (std::size_t i = 0; i < reason.size(); ++i) {
    const auto close = reason[i] == '\'' ? reason.find('\'', i + 1) : std::string::npos;
    if (close != std::string::npos) {
      const auto quoted = reason.substr(i + 1, close - i - 1);
      kind += is_key(quoted) ? "'" + quoted + "'" : "'…'";
      i = close;
    } else if (is_digit(reason[i])) {
      kind += '#';
      while (i + 1 < reason.size() && is_digit(reason[i + 1])) ++i;
    } else {
      kind += reason[i];
    }
  }
  return kind;
}

}  // namespace scalselect
