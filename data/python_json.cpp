#include "data/python_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "core/error.h"
#include "core/utf8.h"

namespace scalselect {
namespace {

constexpr std::size_t kSafeDigits = 18;                // of an integer that fits into 64 bits in any case
constexpr std::string_view kUnknown = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the well-formed UTF-8 sequence at `at`, or 0.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool bad = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                   (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return bad ? 0 : length;
}

/// The code unit of the escape \uXXXX at `at`, or -1 if there is none.
int unit_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kLength = 6;
  if (at + kLength > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = 0;
  const char* end = text.data() + at + kLength;
  const auto [stop, code] = std::from_chars(text.data() + at + 2, end, unit, 16);
  return code == std::errc{} && stop == end ? unit : -1;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+' || c == '.';
}

/// A number or a literal outside of strings.
std::string standard_word(std::string_view word) {
  if (word == "NaN" || word == "Infinity" || word == "-Infinity") return "null";
  const auto digits = word.substr(word.starts_with('-') ? 1 : 0);
  if (digits.empty() || digits[0] < '0' || digits[0] > '9') return std::string(word);
  const bool integer = digits.find_first_not_of("0123456789") == std::string_view::npos;
  if (integer) return digits.size() > kSafeDigits && digits[0] != '0' ? fmt::format("\"{}\"", word) : std::string(word);
  return std::isinf(std::strtod(std::string(word).c_str(), nullptr)) ? "null" : std::string(word);
}

}  // namespace

StandardJson::StandardJson(std::string_view python) {
  text.reserve(python.size());
  bool inside = false;  // of a string
  for (std::size_t at = 0; at < python.size();) {
    const char c = python[at];
    std::size_t taken = 1;
    if (!inside && is_word(c)) {
      while (at + taken < python.size() && is_word(python[at + taken])) ++taken;
      const auto word = python.substr(at, taken);
      const auto standard = standard_word(word);
      nulled = nulled || (standard == "null" && word != "null");
      text += standard;
      at += taken;
      continue;
    }
    bool known = true;
    if (c == '"') {
      inside = !inside;
    } else if (inside && c == '\\') {
      const int unit = unit_at(python, at), next = unit_at(python, at + 6);
      const bool pair = unit >= 0xD800 && unit < 0xDC00 && next >= 0xDC00 && next < 0xE000;
      known = pair || unit < 0xD800 || unit >= 0xE000;
      taken = pair ? 12 : unit >= 0 ? 6 : std::min<std::size_t>(2, python.size() - at);
    } else if (inside) {
      const auto length = sequence_length(python, at);
      known = length > 0;
      taken = std::max<std::size_t>(length, 1);
    }
    text += known ? python.substr(at, taken) : kUnknown;
    replaced = replaced || !known;
    at += taken;
  }
}

std::string read_json_text(const std::filesystem::path& file, std::uintmax_t limit) {
  auto text = read_file(file, limit);
  refuse_wide_text(text, file);
  return text;
}

}  // namespace scalselect
