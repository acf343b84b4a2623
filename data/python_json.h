// JSON as Python's json module reads and writes it, which is a superset of the standard.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/files.h"

namespace scalselect {

/// The same value as standard JSON: NaN, Infinity and numbers too large for a double become null, integers of more than
/// 18 digits become strings of their digits, lone surrogates and bytes that are not UTF-8 become U+FFFD. Everything
/// else is copied, so text that is not JSON either way stays that.
struct StandardJson {
  explicit StandardJson(std::string_view python);

  std::string text;
  bool replaced = false;  ///< there were characters that are not in Unicode
  bool nulled = false;    ///< there were numbers that became null
};

/// The value of StandardJson's text, as nlohmann::json or ordered_json; discarded (is_discarded()) if it is not JSON
/// either way.
template <class Json = nlohmann::json>
Json parse_python_json(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return Json::parse(StandardJson(text).text, nullptr, false);
}

/// The text of a JSON file that comes with a model, an adapter or scores. Throws UserError(kInput), naming the file:
/// unreadable, more than `limit` bytes, UTF-16.
std::string read_json_text(const std::filesystem::path& file, std::uintmax_t limit = kConfigBytes);

/// parse_python_json of read_json_text.
template <class Json = nlohmann::json>
Json read_python_json(const std::filesystem::path& file) {
  return parse_python_json<Json>(read_json_text(file));
}

}  // namespace scalselect
