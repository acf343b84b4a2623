#include "vlm/tokenizers/added_tokens.h"

#include <algorithm>

namespace scalselect::vlm::tok {
namespace {

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
  return is_word(next_character(text, at));
}

bool starts_with_word(std::string_view text) {
  std::size_t at = 0;
  return !text.empty() && is_word(next_character(text, at));
}

/// Where the blanks at the end of `text` begin.
std::size_t blanks_at_end(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_space(next_character(text, at))) end = at;
  }
  return end;
}

/// How many bytes of blanks `text` begins with.
std::size_t blanks_at_start(std::string_view text) {
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); begin = at) {
    if (!is_space(next_character(text, at))) break;
  }
  return begin;
}

}  // namespace

void AddedTokenFinder::add(std::string pattern, const AddedToken* token) {
  if (pattern.empty()) return;
  auto& items = by_first_byte_[static_cast<unsigned char>(pattern[0])];
  const auto place =
      std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.pattern.size() < pattern.size(); });
  items.insert(place, {std::move(pattern), token});
}

const AddedTokenFinder::Item* AddedTokenFinder::longest_at(std::string_view text, std::size_t at) const {
  for (const auto& item : by_first_byte_[static_cast<unsigned char>(text[at])]) {
    if (text.substr(at).starts_with(item.pattern)) return &item;
  }
  return nullptr;
}

std::vector<AddedSplit> AddedTokenFinder::split(std::string_view text) const {
  std::vector<AddedSplit> parts;
  std::size_t done = 0;
  const auto push = [&](std::size_t begin, std::size_t end, const AddedToken* token) {
    parts.push_back({{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)}, token});
  };
  for (std::size_t at = 0; at < text.size();) {
    const Item* item = longest_at(text, at);
    if (!item) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + item->pattern.size();
    at = end;
    const AddedToken& token = *item->token;
    if (token.single_word && (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) continue;
    if (token.lstrip) begin = std::max(blanks_at_end(text.substr(0, begin)), done);
    if (token.rstrip) end += blanks_at_start(text.substr(end));
    if (begin >= end) continue;  // the token before has taken all of it with the blanks on its right
    if (done < begin) push(done, begin, nullptr);
    push(begin, end, &token);
    done = end;
  }
  if (done < text.size()) push(done, text.size(), nullptr);
  return parts;
}

}  // namespace scalselect::vlm::tok
