// A subset as a trainer elsewhere would tokenise it, beside what our own training makes of it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "experiments/handover/trainer.h"
#include "vlm/open_model.h"

namespace scalselect::pipeline {

/// A model folder's tokenizer as trainers use it.
class FolderTokenizer : public handover::TextTokenizer {
 public:
  /// `file_or_folder` as Tokenizer::load; "legacy" of tokenizer_config.json, true where it is not said.
  explicit FolderTokenizer(const std::filesystem::path& file_or_folder);

  std::vector<std::int64_t> encode(std::string_view text, bool frame) const override;
  std::optional<std::int64_t> id(std::string_view token) const override { return tokenizer_->token_to_id(token); }
  std::optional<std::int64_t> bos() const override { return tokenizer_->bos_id(); }
  std::optional<std::int64_t> eos() const override { return tokenizer_->eos_id(); }
  std::optional<std::int64_t> unk() const override { return tokenizer_->unk_id(); }
  bool legacy() const override { return legacy_; }
  const vlm::Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  std::shared_ptr<const vlm::Tokenizer> tokenizer_;
  bool legacy_ = true;
};

struct HandoverCheck {
  const handover::Trainer* trainer = nullptr;
  const handover::Template* layout = nullptr;
  handover::Settings settings;
  bool tags_as_ours = false;
  std::int64_t rows = 0;  ///< how many from the front are compared; 0: all
};

/// How many rows agree.
struct Agreement {
  std::int64_t ids = 0;      ///< the same token ids
  std::int64_t targets = 0;  ///< the same tokens have a loss, in order
  std::int64_t visual = 0;   ///< as many visual tokens
  bool operator==(const Agreement&) const = default;
};

/// What becomes of one row elsewhere that does not become of it here, or the other way round.
struct RowFate {
  std::int64_t row = 0;
  std::string what;
};

struct HandoverReport {
  std::int64_t rows = 0, compared = 0;
  Agreement equal;
  /// The agreement under one change, as words: "with handover_tags=ours". Empty if all ids are equal as they are.
  std::vector<std::pair<std::string, Agreement>> variations;
  std::vector<RowFate> left_out_there;  ///< by the trainer alone
  std::vector<RowFate> left_out_here;   ///< by our training alone
  std::vector<RowFate> left_out;        ///< by both
  std::vector<RowFate> too_long;        ///< more tokens than the trainer takes, and what it does then
  std::vector<RowFate> masked;          ///< rows from which the trainer learns nothing
  std::string first_difference;         ///< several lines; empty: no row differs
};

/// Throws UserError(kInput) as the tokenizer and the image processor do for a folder that cannot be used.
HandoverReport check_handover(const Pool& pool, const std::filesystem::path& folder, const vlm::ChatTemplate& chat,
                              vlm::ImageReader& images, const vlm::PixelLimits& limits, const HandoverCheck& check);

}  // namespace scalselect::pipeline
