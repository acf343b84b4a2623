#include "vlm/tokenizers/aligned_text.h"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <algorithm>

#include "core/error.h"

namespace scalselect::vlm::tok {
namespace {

/// Repeated replacements can multiply a text without limit; refused before that takes memory.
void check_growth(const AlignedText& in, std::size_t bytes) {
  const std::size_t original = in.align.back().second - in.align.front().first;
  if (bytes <= (std::size_t{1} << 20) + 64 * original) return;
  throw UserError(ErrorKind::kInput, fmt::format("The tokenizer makes {} bytes out of a text of {}.", bytes, original),
                  "Its normalizer or decoder replaces too much: fetch it again.");
}

}  // namespace

AlignedText AlignedText::slice(std::size_t begin, std::size_t end) const {
  AlignedText part;
  part.text = text.substr(begin, end - begin);
  part.align.assign(align.begin() + static_cast<std::ptrdiff_t>(begin),
                    align.begin() + static_cast<std::ptrdiff_t>(end));
  part.origin = part.align.empty() ? origin : part.align[0].first;
  return part;
}

void AlignedText::append(char32_t character, Range source) {
  append_utf8(text, character);
  align.resize(text.size(), source);
}

AlignedText align_original(std::string_view text) {
  AlignedText out;
  out.text = text;
  out.align.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto begin = static_cast<std::uint32_t>(at);
    next_character(text, at);
    out.align.resize(at, Range{begin, static_cast<std::uint32_t>(at)});
  }
  return out;
}

AlignedText map_characters(const AlignedText& in, const std::function<void(char32_t, std::u32string&)>& map) {
  AlignedText out;
  out.origin = in.origin;
  out.text.reserve(in.text.size());
  out.align.reserve(in.text.size());
  std::u32string mapped;
  for (std::size_t at = 0; at < in.text.size();) {
    const Range source = in.align[at];
    mapped.clear();
    map(next_character(in.text, at), mapped);
    for (const char32_t c : mapped) out.append(c, source);
  }
  return out;
}

AlignedText replace_ranges(const AlignedText& in, const std::vector<Range>& matches, std::string_view replacement) {
  if (matches.empty()) return in;
  check_growth(in, in.text.size() + matches.size() * replacement.size());
  AlignedText out;
  out.origin = in.origin;
  std::size_t at = 0;
  const auto copy_to = [&](std::size_t end) {
    out.text.append(in.text, at, end - at);
    out.align.insert(out.align.end(), in.align.begin() + static_cast<std::ptrdiff_t>(at),
                     in.align.begin() + static_cast<std::ptrdiff_t>(end));
  };
  for (const auto& [begin, end] : matches) {
    copy_to(begin);
    out.text += replacement;
    out.align.resize(out.text.size(), end > 0 ? in.align[end - 1] : Range{0, 0});
    at = end;
  }
  copy_to(in.text.size());
  return out;
}

AlignedText prepend(const AlignedText& in, std::string_view prefix) {
  if (in.text.empty()) return in;
  check_growth(in, in.text.size() + prefix.size());
  AlignedText out;
  out.origin = in.origin;
  out.text = std::string(prefix) + in.text;
  out.align.assign(prefix.size(), in.align[0]);
  out.align.insert(out.align.end(), in.align.begin(), in.align.end());
  return out;
}

char32_t next_character(std::string_view text, std::size_t& at) {
  const auto next = decode_utf8(text, at);
  at += next.bytes;
  return next.point;
}

bool is_one_character(std::string_view text) {
  std::size_t at = 0;
  if (!text.empty()) next_character(text, at);
  return at > 0 && at == text.size();
}

bool is_space(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)); }

bool is_word(char32_t c) {
  const auto u = static_cast<UChar32>(c);
  return u_isUAlphabetic(u) || (U_GET_GC_MASK(u) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(u, UCHAR_JOIN_CONTROL);
}

bool is_numeric(char32_t c) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_N_MASK) != 0; }

bool is_punctuation(char32_t c) {
  if (c < 0x80) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_P_MASK) != 0;
}

std::string_view strip_spaces(std::string_view text) {
  const auto blank = [](char32_t c) { return is_space(c) || (c >= 0x1c && c <= 0x1f); };
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); begin = at) {
    if (!blank(next_character(text, at))) break;
  }
  std::size_t end = begin;
  for (std::size_t at = begin; at < text.size();) {
    if (!blank(next_character(text, at))) end = at;
  }
  return text.substr(begin, end - begin);
}

}  // namespace scalselect::vlm::tok
