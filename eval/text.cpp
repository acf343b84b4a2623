#include "eval/text.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <cstdint>

#include "core/utf8.h"

namespace scalselect::eval {
namespace {

// The code point at `at` and its length in bytes; an ill-formed byte is its own character.
std::pair<char32_t, std::size_t> decode(std::string_view text, std::size_t at) {
  const auto next = decode_utf8(text, at);
  if (!next.valid) return {static_cast<unsigned char>(text[at]), 1};
  return {next.point, next.bytes};
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

std::string lower(std::string_view text) {
  std::string result;
  if (is_ascii(text)) {
    result.reserve(text.size());
    for (const char c : text) result += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return result;
  }
  icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())))
      .toLower(icu::Locale::getRoot())
      .toUTF8String(result);
  return result;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto [point, size] = decode(text, at);
    if (is_space(point) && !(size == 1 && point >= 0x80)) {
      if (at > begin) words.emplace_back(text.substr(begin, at - begin));
      begin = at + size;
    }
    at += size;
  }
  if (begin < text.size()) words.emplace_back(text.substr(begin));
  return words;
}

std::string strip(std::string_view text) {
  std::size_t first = std::string_view::npos, last = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto [point, size] = decode(text, at);
    if (!is_space(point) || (size == 1 && point >= 0x80)) {
      first = std::min(first, at);
      last = at + size;
    }
    at += size;
  }
  return first == std::string_view::npos ? std::string() : std::string(text.substr(first, last - first));
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const auto [point, size] = decode(text, at);
    if (!is_space(point) || (size == 1 && point >= 0x80)) break;
    at += size;
  }
  return at;
}

std::size_t length(std::string_view text) {
  std::size_t points = 0;
  for (std::size_t at = 0; at < text.size(); at += decode(text, at).second) ++points;
  return points;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::u32string code_points(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) {
    const auto [point, size] = decode(text, at);
    points += point;
    at += size;
  }
  return points;
}

std::string utf8_of(std::u32string_view points) {
  std::string text;
  for (const char32_t point : points) append_utf8(text, point);
  return text;
}

bool is_letter(char32_t point) { return u_isalpha(static_cast<UChar32>(point)) != 0; }

std::string fold_full_width(std::string_view text) {
  std::string folded;
  for (char32_t point : code_points(text)) {
    if (point >= 0xFF01 && point <= 0xFF5E) point -= 0xFEE0;
    append_utf8(folded, point == 0x3000 ? U' ' : point);
  }
  return folded;
}

bool has_han(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto [point, size] = decode(text, at);
    if (point >= 0x4E00 && point <= 0x9FFF) return true;
    at += size;
  }
  return false;
}

}  // namespace scalselect::eval
