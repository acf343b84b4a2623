// Added tokens: strings that are split from the text before any other step.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "vlm/tokenizers/aligned_text.h"

namespace scalselect::vlm::tok {

struct AddedToken {
  std::int64_t id = 0;
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
};

/// A part of the text that is an added token, or (`token` null) none.
struct AddedSplit {
  Range range;
  const AddedToken* token = nullptr;
};

/// A set of added tokens to look for together: leftmost first, longest among those.
class AddedTokenFinder {
 public:
  /// `pattern`: the token's content, or its normalised form. `token` must outlive the finder.
  void add(std::string pattern, const AddedToken* token);
  /// The whole of `text`, in order, without empty parts.
  std::vector<AddedSplit> split(std::string_view text) const;

 private:
  struct Item {
    std::string pattern;
    const AddedToken* token;
  };
  const Item* longest_at(std::string_view text, std::size_t at) const;
  std::array<std::vector<Item>, 256> by_first_byte_;  ///< longest first
};

}  // namespace scalselect::vlm::tok
