// Which tokens the authors' extraction takes for visual and for "user" (ChangtiWu/ScalSelect, feature_extract.py;
// parity.md section 2, baselines.md section 1.4).
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

/// The authors cut sequences on the right behind this many tokens (their `--max-length`).
constexpr std::int64_t kCompatLength = 4096;

/// Visual, LLaVA: the image id and every id from the tokenizer's base vocabulary size on (so a literal `<pad>` too).
/// Visual, Qwen-VL: the image id and the two ids that frame an image.
/// User: whatever is neither visual nor found to be an answer. Answers are found by searching each assistant message,
/// stripped and tokenised alone without special tokens, as a run of ids over the whole sequence; the first hit wins
/// (be it in the question or in a header), the next search starts behind it, and a message that is not found stays user
/// text and leaves the cursor where it is. What lies behind kCompatLength is neither, and an answer that is cut there
/// is not found.
TokenPositions compat_positions(const RenderedChat& chat, std::span<const Turn> turns, const ChatTemplate& layout);

/// Visual: image placeholders. User: tokens with a character of a user message's text.
TokenPositions strict_positions(const RenderedChat& chat);

}  // namespace scalselect::vlm
