// Normalizers of tokenizer.json: Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents,
// BertNormalizer. Texts are the reference's; spans differ from it only inside a character with several marks that
// change their order.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "vlm/tokenizers/aligned_text.h"

namespace scalselect::vlm::tok {

using Normalizer = std::function<AlignedText(AlignedText)>;

/// `tree`: the "normalizer" entry; null gives the identity. Throws Unsupported.
Normalizer make_normalizer(const nlohmann::json& tree);

}  // namespace scalselect::vlm::tok
