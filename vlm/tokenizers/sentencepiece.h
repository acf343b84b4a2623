// SentencePiece's tokenizer.model (a protobuf of pieces and scores) of Llama's kind, as the tokenizer.json that Hugging
// Face's conversion would make of it (google/sentencepiece, sentencepiece_model.proto; transformers,
// convert_slow_tokenizer.py, LlamaConverter).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace scalselect::vlm::tok {

/// What tokenizer.model does not say and tokenizer_config.json may.
struct SentencePieceOptions {
  bool add_bos = true, add_eos = false;
  bool legacy = true;  ///< a space before every piece between added tokens, instead of the first only
};

/// `bytes`: the file. The order of merges follows the pieces' scores. Throws Unsupported: damaged, a model other than
/// BPE, a normalizer other than the identity, a leading blank that is not added.
nlohmann::json sentencepiece_to_json(std::string_view bytes, const SentencePieceOptions& options);

}  // namespace scalselect::vlm::tok
