// HF tokenizers from tokenizer.json or tokenizer.model, token for token and offset for offset (library `tokenizers`).
//
// Steps: added tokens are split out of the raw text, the rest is normalised, split on added tokens again,
// pre-tokenised, cut into tokens by the model, and framed by the post-processor. Each step is read from the JSON; a
// component that is not known here is an error that names it, never a guess.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect::vlm {

/// Half-open byte range of the text that was given to `encode`.
struct ByteSpan {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  bool operator==(const ByteSpan&) const = default;
};

struct Encoding {
  std::vector<std::int64_t> ids;
  /// One span per token, always on character borders (a token that is a part of a character gets the whole character).
  /// Tokens added by the post-processor (BOS ...) have the empty span {0, 0}.
  std::vector<ByteSpan> offsets;
  /// 1 for tokens added by the post-processor.
  std::vector<std::uint8_t> special;
};

/// Immutable after construction; `encode` and `decode` may be called from several threads at once.
class Tokenizer {
 public:
  /// `folder`: an HF model folder (tokenizer.json, else Llama's tokenizer.model; the smaller files beside them where
  /// present), or a tokenizer file itself. Throws UserError(kInput) naming file and component.
  static Tokenizer load(const std::filesystem::path& folder);

  /// `text`: UTF-8; invalid bytes become U+FFFD first (offsets then refer to the repaired text).
  Encoding encode(std::string_view text, bool add_special_tokens = true) const;

  /// Text of `ids`; unknown ids are skipped. No clean-up of blanks beyond what the decoder in tokenizer.json does.
  std::string decode(const std::vector<std::int64_t>& ids, bool skip_special_tokens = true) const;

  /// Added tokens first, then the model's vocabulary.
  std::optional<std::int64_t> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(std::int64_t id) const;
  bool is_special(std::int64_t id) const;

  /// Largest id + 1, added tokens included.
  std::int64_t vocab_size() const;
  /// Vocabulary of the model alone (HF's `tokenizer.vocab_size`).
  std::int64_t base_vocab_size() const;

  /// From tokenizer_config.json / special_tokens_map.json; empty if they have none.
  std::optional<std::int64_t> bos_id() const;
  std::optional<std::int64_t> eos_id() const;
  std::optional<std::int64_t> pad_id() const;
  std::optional<std::int64_t> unk_id() const;

  const std::filesystem::path& path() const;  ///< the file that was read

 private:
  Tokenizer() = default;
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace scalselect::vlm
