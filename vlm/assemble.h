// LLaVA before its instruction tuning, put together from what LLaVA-1.5 itself starts from: a Vicuna folder, a CLIP
// folder and the projector of stage 1 (haotian-liu/LLaVA; transformers, convert_llava_weights_to_hf.py). The result is
// an HF LLaVA folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace scalselect::vlm {

struct AssembleSources {
  std::filesystem::path llm;              ///< Llama folder: config.json, weights (safetensors or .bin, sharded or not),
                                          ///< tokenizer.json or tokenizer.model
  std::filesystem::path tower;            ///< CLIP folder: config.json, weights, preprocessor_config.json
  std::filesystem::path projector;        ///< mm_projector.bin: mm_projector.{0,2}.{weight,bias}, with any prefix
  std::optional<std::string> dtype = {};  ///< of the written weights; none: that of the decoder's
};

struct AssembledModel {
  std::int64_t tensors = 0, parameters = 0;
  std::int64_t vocab_size = 0;      ///< rows of the written embeddings: a multiple of 64
  std::int64_t image_token_id = 0;  ///< of "<image>"; "<pad>" follows
  std::string dtype;
};

/// Writes config.json, generation_config.json, model.safetensors, tokenizer and processor files to `out`, one tensor in
/// memory at a time. "<image>" and "<pad>" are added to the tokenizer if it lacks them; embedding rows beyond the
/// decoder's are the mean of its rows (the centre of the Gaussian that HF draws them from). Throws UserError(kInput),
/// naming the file: an architecture other than Llama or CLIP, a tensor that is missing or has a wrong shape, a linear
/// projector (LLaVA 1.0), or whatever the readers refuse.
AssembledModel assemble_llava(const AssembleSources& sources, const std::filesystem::path& out);

}  // namespace scalselect::vlm
