// What a fuzzed tokenizer is asked.
#pragma once

#include "tests/fuzz/input.h"
#include "vlm/tokenizer.h"

namespace scalselect::fuzz {

/// Loads `file` and lets it encode and decode; spans must lie inside of the text.
inline void encode_with(const std::filesystem::path& file) {
  const std::string text = "USER: <image>\nIt's 12 caf\u00e9s, e\u0301 \u4f60\u597d \U0001f600 </s>  x\t\r\n\xff";
  expect_value_or_refusal([&] {
    const auto tokenizer = vlm::Tokenizer::load(file);
    const auto encoded = tokenizer.encode(text);
    require(encoded.ids.size() == encoded.offsets.size() && encoded.ids.size() == encoded.special.size());
    for (const auto& span : encoded.offsets) require(0 <= span.begin && span.begin <= span.end);
    require(tokenizer.vocab_size() >= 0 && tokenizer.base_vocab_size() >= 0);
    tokenizer.decode(encoded.ids, false);
    tokenizer.decode({-1, 0, 1, 1'000'000'000});
  });
}

}  // namespace scalselect::fuzz
