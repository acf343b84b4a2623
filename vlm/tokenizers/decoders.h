// Decoders of tokenizer.json: Sequence, WordPiece, Replace, ByteFallback, Fuse, Strip, Metaspace, ByteLevel.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scalselect::vlm::tok {

/// Tokens in, pieces of text out; the text is their concatenation.
using Decoder = std::function<std::vector<std::string>(std::vector<std::string>)>;

/// `tree`: the "decoder" entry; null joins tokens by blanks. Throws Unsupported.
Decoder make_decoder(const nlohmann::json& tree);

}  // namespace scalselect::vlm::tok
