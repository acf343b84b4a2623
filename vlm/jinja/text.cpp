#include "vlm/jinja/text.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "core/utf8.h"

namespace scalselect::vlm::jinja {
namespace {

template <class Change>
std::string mapped(std::string_view text, const Change& change) {
  auto wide = icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  change(wide);
  std::string out;
  wide.toUTF8String(out);
  return out;
}

std::string title_of(char32_t c) {
  std::string one;
  append_utf8(one, c);
  return mapped(one, [](icu::UnicodeString& wide) { wide.toTitle(nullptr, icu::Locale::getRoot()); });
}

bool is_cased(char32_t c) { return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASED); }

bool is_line_end(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

}  // namespace

std::u32string points_of(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = decode_utf8(text, at);
    points += next.point;
    at += next.bytes;
  }
  return points;
}

std::string utf8_of(std::u32string_view points) {
  std::string text;
  for (const auto point : points) append_utf8(text, point);
  return text;
}

std::int64_t count_points(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::vector<std::string> characters_of(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto bytes = decode_utf8(text, at).bytes;
    out.emplace_back(text.substr(at, bytes));
    at += bytes;
  }
  return out;
}

bool is_blank(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) || (c >= 0x1c && c <= 0x1f); }

bool is_printable(char32_t c) {
  if (c == U' ') return true;
  const auto mask = U_GET_GC_MASK(static_cast<UChar32>(c));
  return (mask & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CS_MASK | U_GC_CO_MASK | U_GC_CN_MASK | U_GC_Z_MASK)) == 0;
}

std::string upper(std::string_view text) {
  return mapped(text, [](icu::UnicodeString& wide) { wide.toUpper(icu::Locale::getRoot()); });
}

std::string lower(std::string_view text) {
  return mapped(text, [](icu::UnicodeString& wide) { wide.toLower(icu::Locale::getRoot()); });
}

std::string capitalize(std::string_view text) {
  if (text.empty()) return {};
  const auto first = decode_utf8(text, 0);
  return title_of(first.point) + lower(text.substr(first.bytes));
}

std::string title(std::string_view text) {
  std::string out;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = decode_utf8(text, at);
    const auto one = text.substr(at, next.bytes);
    out += inside ? lower(one) : title_of(next.point);
    inside = is_cased(next.point);
    at += next.bytes;
  }
  return out;
}

bool is_lower(std::string_view text) {
  bool cased = false;
  for (const auto c : points_of(text)) {
    if (u_isUUppercase(static_cast<UChar32>(c)) || u_istitle(static_cast<UChar32>(c))) return false;
    cased = cased || u_isULowercase(static_cast<UChar32>(c));
  }
  return cased;
}

bool is_upper(std::string_view text) {
  bool cased = false;
  for (const auto c : points_of(text)) {
    if (u_isULowercase(static_cast<UChar32>(c)) || u_istitle(static_cast<UChar32>(c))) return false;
    cased = cased || u_isUUppercase(static_cast<UChar32>(c));
  }
  return cased;
}

bool is_letter(char32_t c) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_L_MASK) != 0; }
bool is_decimal(char32_t c) { return u_charType(static_cast<UChar32>(c)) == U_DECIMAL_DIGIT_NUMBER; }

std::string_view strip(std::string_view text, const std::string* chars, bool left, bool right) {
  const auto set = chars == nullptr ? std::u32string() : points_of(*chars);
  const auto off = [&](char32_t c) { return chars == nullptr ? is_blank(c) : set.find(c) != set.npos; };
  std::size_t begin = 0;
  while (left && begin < text.size()) {
    const auto next = decode_utf8(text, begin);
    if (!off(next.point)) break;
    begin += next.bytes;
  }
  std::size_t end = text.size();
  while (right && end > begin) {
    auto last = end - 1;
    while (last > begin && (static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
    if (!off(decode_utf8(text, last).point)) break;
    end = last;
  }
  return text.substr(begin, end - begin);
}

std::vector<std::string> split(std::string_view text, const std::string* separator, std::int64_t most) {
  std::vector<std::string> out;
  if (separator != nullptr) {
    std::size_t begin = 0;
    for (auto at = text.find(*separator); at != text.npos && most != 0; at = text.find(*separator, begin), --most) {
      out.emplace_back(text.substr(begin, at - begin));
      begin = at + separator->size();
    }
    out.emplace_back(text.substr(begin));
    return out;
  }
  for (text = strip(text, nullptr, true, false); !text.empty(); --most) {
    if (most == 0) {
      out.emplace_back(text);
      break;
    }
    std::size_t end = 0;
    while (end < text.size() && !is_blank(decode_utf8(text, end).point)) end += decode_utf8(text, end).bytes;
    out.emplace_back(text.substr(0, end));
    text = strip(text.substr(end), nullptr, true, false);
  }
  return out;
}

std::vector<std::string> split_right(std::string_view text, const std::string* separator, std::int64_t most) {
  std::vector<std::string> out;
  if (separator != nullptr) {
    for (auto at = text.rfind(*separator); at != text.npos && most != 0; at = text.rfind(*separator), --most) {
      out.emplace_back(text.substr(at + separator->size()));
      text = text.substr(0, at);
    }
    out.emplace_back(text);
  } else {
    for (text = strip(text, nullptr, false, true); !text.empty(); --most) {
      if (most == 0) {
        out.emplace_back(text);
        break;
      }
      std::size_t word = 0;
      for (std::size_t at = 0; at < text.size();) {
        const auto next = decode_utf8(text, at);
        at += next.bytes;
        if (is_blank(next.point)) word = at;
      }
      out.emplace_back(text.substr(word));
      text = strip(text.substr(0, word), nullptr, false, true);
    }
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin, next = begin;
    while (end < text.size()) {
      const auto c = decode_utf8(text, end);
      next = end + c.bytes;
      if (is_line_end(c.point)) {
        if (c.point == U'\r' && next < text.size() && text[next] == '\n') ++next;
        break;
      }
      end = next;
    }
    out.emplace_back(text.substr(begin, (keep_ends ? next : end) - begin));
    begin = next;
  }
  return out;
}

std::size_t replaced_size(std::string_view text, std::string_view from, std::string_view to, std::int64_t most) {
  std::size_t hits = 0;
  if (from.empty()) {
    hits = static_cast<std::size_t>(count_points(text)) + 1;
    if (most >= 0) hits = std::min(hits, static_cast<std::size_t>(most));
    return text.size() + hits * to.size();
  }
  for (auto at = text.find(from); at != text.npos && most != 0; at = text.find(from, at + from.size()), --most) ++hits;
  return text.size() - hits * from.size() + hits * to.size();
}

std::string replace(std::string_view text, std::string_view from, std::string_view to, std::int64_t most) {
  std::string out;
  std::size_t begin = 0;
  if (from.empty()) {
    for (; most != 0; --most) {
      out += to;
      if (begin == text.size()) break;
      const auto bytes = decode_utf8(text, begin).bytes;
      out += text.substr(begin, bytes);
      begin += bytes;
    }
    return out += text.substr(begin);
  }
  for (auto at = text.find(from); at != text.npos && most != 0; at = text.find(from, begin), --most) {
    out += text.substr(begin, at - begin);
    out += to;
    begin = at + from.size();
  }
  return out += text.substr(begin);
}

}  // namespace scalselect::vlm::jinja
