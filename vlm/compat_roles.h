// Which tokens count as visual and as the user's, in the authors' extraction (ChangtiWu/ScalSelect,
// scripts/feature_extract.py) and in strict extraction: docs/extraction.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/sample.h"
#include "vlm/chat_template.h"

namespace scalselect::vlm {

/// Positions in a sequence, ascending.
struct TokenPositions {
  std::vector<std::int64_t> visual, user;
};

/// The authors' code truncates sequences to this many tokens (its `--max-length`).
constexpr std::int64_t kCompatLength = 4096;

/// Visual, LLaVA: the image id and every id from the tokenizer's base vocabulary size on (so a literal `<pad>` too).
/// Visual, Qwen-VL: the image id and the two ids that frame an image.
/// User: any token that is neither visual nor found to be part of an answer. Answers are found by searching each
/// assistant message, stripped and tokenised alone without special tokens, as a run of ids over the whole sequence; the
/// first hit wins (even in a question or a header), the next search starts after it, and a message that is not found
/// stays user text and leaves the cursor where it is. Tokens from kCompatLength on are neither, and an answer that
/// extends past it is not found.
TokenPositions compat_positions(const RenderedChat& chat, std::span<const Turn> turns, const ChatTemplate& layout);

/// Visual: image placeholders. User: tokens with a character of a user message's text.
TokenPositions strict_positions(const RenderedChat& chat);

}  // namespace scalselect::vlm
