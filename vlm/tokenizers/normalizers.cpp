#include "vlm/tokenizers/normalizers.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <utility>

#include "vlm/tokenizers/pattern.h"

namespace scalselect::vlm::tok {
namespace {

using Json = nlohmann::json;
using icu::Normalizer2;

const Normalizer2& normalizer2(const std::string& form) {
  UErrorCode status = U_ZERO_ERROR;
  if (form == "NFC") return *Normalizer2::getNFCInstance(status);
  if (form == "NFD") return *Normalizer2::getNFDInstance(status);
  if (form == "NFKC") return *Normalizer2::getNFKCInstance(status);
  return *Normalizer2::getNFKDInstance(status);
}

/// Normalises characters that no neighbour can influence. As in the reference, what a composition absorbs, and
/// what a decomposition adds, is mapped to the first character; the others map to their successors one by one.
void normalize_segment(const Normalizer2& form, const std::vector<std::pair<char32_t, Range>>& input,
                       AlignedText& out) {
  if (input.empty()) return;
  icu::UnicodeString text;
  for (const auto& item : input) text.append(static_cast<UChar32>(item.first));
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString normal = form.normalize(text, status);
  const auto surplus = normal.countChar32() - static_cast<std::int32_t>(input.size());
  std::int32_t k = 0;
  for (std::int32_t at = 0; at < normal.length(); at = normal.moveIndex32(at, 1), ++k) {
    const std::int32_t from = k == 0 ? 0 : std::max(0, k - surplus);
    out.append(static_cast<char32_t>(normal.char32At(at)), input[static_cast<std::size_t>(from)].second);
  }
}

AlignedText unicode_normalize(const Normalizer2& form, const AlignedText& in) {
  const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(in.text.begin(), in.text.end(), ascii)) return in;
  AlignedText out;
  out.origin = in.origin;
  std::vector<std::pair<char32_t, Range>> segment;
  for (std::size_t at = 0; at < in.text.size();) {
    const Range source = in.align[at];
    const char32_t c = next_character(in.text, at);
    if (form.hasBoundaryBefore(static_cast<UChar32>(c))) {
      normalize_segment(form, segment, out);
      segment.clear();
    }
    segment.emplace_back(c, source);
  }
  normalize_segment(form, segment, out);
  return out;
}

AlignedText lowercase(const AlignedText& in) {
  return map_characters(in, [](char32_t c, std::u32string& out) {
    if (c == 0x130) {  // the one character whose full lower case has two
      out += U"i\u0307";
    } else {
      out += static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
    }
  });
}

/// `marks`: categories to remove; BertNormalizer removes non-spacing marks only, StripAccents all of them.
AlignedText strip_marks(const AlignedText& in, std::uint32_t marks) {
  return map_characters(in, [marks](char32_t c, std::u32string& out) {
    if ((U_GET_GC_MASK(static_cast<UChar32>(c)) & marks) == 0) out += c;
  });
}

AlignedText strip_ends(const AlignedText& in, bool left, bool right) {
  std::size_t begin = in.text.size(), end = 0;
  for (std::size_t at = 0; at < in.text.size();) {
    const std::size_t start = at;
    if (is_space(next_character(in.text, at))) continue;
    begin = std::min(begin, start);
    end = at;
  }
  if (!left) begin = 0;
  if (!right) end = in.text.size();
  AlignedText out = begin < end ? in.slice(begin, end) : in.slice(0, 0);
  out.origin = in.origin;
  return out;
}

bool is_han(char32_t c) {  // the library's own ranges, its 0x2B920 included
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_control(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CS_MASK | U_GC_CO_MASK)) != 0;
}

Normalizer bert(const Json& tree) {
  const bool clean = tree.value("clean_text", true);
  const bool han = tree.value("handle_chinese_chars", true);
  const bool lower = tree.value("lowercase", true);
  const bool has_strip = tree.contains("strip_accents") && tree["strip_accents"].is_boolean();
  const bool strip = has_strip ? tree["strip_accents"].get<bool>() : lower;
  return [=](AlignedText text) {
    if (clean || han) {
      text = map_characters(text, [&](char32_t c, std::u32string& out) {
        if (clean && (c == 0 || c == 0xfffd || is_control(c))) return;
        if (clean && is_space(c)) c = ' ';
        if (han && is_han(c)) {
          out.insert(out.end(), {U' ', c, U' '});
        } else {
          out += c;
        }
      });
    }
    if (strip) text = strip_marks(unicode_normalize(normalizer2("NFD"), text), U_GC_MN_MASK);
    return lower ? lowercase(text) : text;
  };
}

}  // namespace

Normalizer make_normalizer(const Json& tree) {
  if (tree.is_null()) return [](AlignedText text) { return text; };
  const auto type = tree.value("type", "");
  if (type == "Sequence") {
    std::vector<Normalizer> steps;
    for (const auto& step : tree.at("normalizers")) steps.push_back(make_normalizer(step));
    return [steps](AlignedText text) {
      for (const auto& step : steps) text = step(std::move(text));
      return text;
    };
  }
  if (type == "Prepend") {
    return [prefix = tree.at("prepend").get<std::string>()](const AlignedText& text) { return prepend(text, prefix); };
  }
  if (type == "Replace") {
    return [pattern = Pattern::from_json(tree.at("pattern")), content = tree.at("content").get<std::string>()](
               const AlignedText& text) { return replace_ranges(text, pattern.matches(text.text), content); };
  }
  if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    return [&form = normalizer2(type)](const AlignedText& text) { return unicode_normalize(form, text); };
  }
  if (type == "Lowercase") return lowercase;
  if (type == "StripAccents") return [](const AlignedText& text) { return strip_marks(text, U_GC_M_MASK); };
  if (type == "Strip") {
    return [left = tree.value("strip_left", true), right = tree.value("strip_right", true)](const AlignedText& text) {
      return strip_ends(text, left, right);
    };
  }
  if (type == "BertNormalizer") return bert(tree);
  throw Unsupported{"normalizer '" + type + "' is not supported"};
}

}  // namespace scalselect::vlm::tok
