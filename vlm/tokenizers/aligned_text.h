// Text under normalisation, each byte of it mapped to the bytes of the original that it came from (NormalizedString in
// Hugging Face's tokenizers).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/utf8.h"

namespace scalselect::vlm::tok {

/// [begin, end) in bytes.
using Range = std::pair<std::uint32_t, std::uint32_t>;

struct AlignedText {
  std::string text;
  std::vector<Range> align;  ///< one per byte of `text`
  std::uint32_t origin = 0;  ///< where this piece begins in the original

  AlignedText slice(std::size_t begin, std::size_t end) const;
  void append(char32_t character, Range source);
};

/// Text as given: every byte is mapped to its whole character.
AlignedText align_original(std::string_view text);

/// Each character becomes what `map` appends, mapped to that character; if nothing is appended it is removed.
AlignedText map_characters(const AlignedText& in, const std::function<void(char32_t, std::u32string&)>& map);

/// `replacement` for each of `matches` (ascending, disjoint), mapped to the last replaced character. This and
/// `prepend` throw UserError(kInput) if the text would exceed a MiB and 64 bytes per byte of the original.
AlignedText replace_ranges(const AlignedText& in, const std::vector<Range>& matches, std::string_view replacement);

/// `prefix` in front, mapped to the first character; an empty text stays empty.
AlignedText prepend(const AlignedText& in, std::string_view prefix);

// Of well-formed UTF-8 (core/utf8.h).
char32_t next_character(std::string_view text, std::size_t& at);
bool is_one_character(std::string_view text);

// Unicode classes as Rust's standard library and the crates of the tokenizers library define them.
bool is_space(char32_t c);
bool is_word(char32_t c);         ///< \w of Rust's regex crate
bool is_numeric(char32_t c);      ///< category N
bool is_punctuation(char32_t c);  ///< ASCII punctuation or category P
/// Python's str.strip().
std::string_view strip_spaces(std::string_view text);

}  // namespace scalselect::vlm::tok
