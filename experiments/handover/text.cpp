#include "experiments/handover/text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace scalselect::handover {
namespace {

/// Length in bytes of the white space at the front of `text`, as str.isspace() has it; 0: none.
std::size_t blank_at(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned a = byte(0), b = byte(1), c = byte(2);
  if ((a >= 0x09 && a <= 0x0D) || (a >= 0x1C && a <= 0x20)) return 1;
  if (a == 0xC2 && (b == 0x85 || b == 0xA0)) return 2;
  const unsigned wide = a << 16 | b << 8 | c;
  const bool space = wide == 0xE19A80 || (wide >= 0xE28080 && wide <= 0xE2808A) || wide == 0xE280A8 ||
                     wide == 0xE280A9 || wide == 0xE280AF || wide == 0xE2819F || wide == 0xE38080;
  return space ? 3 : 0;
}

}  // namespace

std::string_view strip(std::string_view text) {
  while (const auto length = blank_at(text)) text.remove_prefix(length);
  for (bool more = true; more;) {
    more = false;
    for (std::size_t length = 1; length <= std::min<std::size_t>(3, text.size()) && !more; ++length) {
      more = blank_at(text.substr(text.size() - length)) == length;
      if (more) text.remove_suffix(length);
    }
  }
  return text;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (std::size_t at = 0;;) {
    const auto found = text.find(from, at);
    out += text.substr(at, found - at);
    if (found == std::string_view::npos) return out;
    out += to;
    at = found + from.size();
  }
}

std::int64_t count(std::string_view text, std::string_view part) {
  std::int64_t hits = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++hits;
  return hits;
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0;;) {
    const auto found = text.find(separator, at);
    parts.emplace_back(text.substr(at, found - at));
    if (found == std::string_view::npos) return parts;
    at = found + separator.size();
  }
}

std::string repeated(std::string_view text, std::int64_t times) {
  std::string out;
  for (std::int64_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("_@%+=:,./-").find(static_cast<char>(c)) != std::string_view::npos;
  });
  return plain ? word : "'" + replaced(word, "'", R"('\'')") + "'";
}

std::string yaml_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace scalselect::handover
