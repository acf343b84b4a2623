// What a LLaVA folder says about its image tokens beside config.json.
#pragma once

#include <filesystem>

#include "vlm/config.h"
#include "vlm/tokenizer.h"

namespace scalselect::vlm {

/// Warns where processor_config.json contradicts config.json about how many tokens a picture becomes, or which token
/// that is. transformers' LlavaProcessor goes by the former, its model by the latter, so that it stops at the first
/// picture; here config.json counts. Throws UserError(kInput) for a value of a wrong type, naming file and key.
void tell_processor_contradictions(const std::filesystem::path& folder, const LlavaConfig& config,
                                   const Tokenizer& tokenizer);

}  // namespace scalselect::vlm
