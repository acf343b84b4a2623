// Pre-tokenizers of tokenizer.json: Sequence, Whitespace, WhitespaceSplit, Punctuation, BertPreTokenizer, Metaspace,
// ByteLevel, Split, Digits.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "vlm/tokenizers/aligned_text.h"

namespace scalselect::vlm::tok {

/// Appends the words of a piece to `out`, without empty ones.
using PreTokenizer = std::function<void(AlignedText, std::vector<AlignedText>& out)>;

/// `tree`: the "pre_tokenizer" entry; null leaves the piece whole. Throws Unsupported.
PreTokenizer make_pre_tokenizer(const nlohmann::json& tree);

}  // namespace scalselect::vlm::tok
