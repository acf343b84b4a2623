// The tokenizer of an assembled LLaVA folder: the decoder's own, with "<image>" and "<pad>" added.
#pragma once

#include <cstdint>
#include <filesystem>

namespace scalselect::vlm {

inline constexpr char kImageToken[] = "<image>";
inline constexpr char kPadToken[] = "<pad>";

struct AddedVocabulary {
  std::int64_t image_id = 0, pad_id = 0;
};

/// The ids that the two tokens have, or get after the last one. Throws UserError(kInput) if the folder has no
/// readable tokenizer.
AddedVocabulary plan_tokenizer(const std::filesystem::path& llm);

/// Writes tokenizer.json, tokenizer_config.json and special_tokens_map.json to `out`.
void write_tokenizer(const std::filesystem::path& llm, const AddedVocabulary& added, const std::filesystem::path& out);

}  // namespace scalselect::vlm
