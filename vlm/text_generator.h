// Answers in text: core's TextGenerator over a model, its chat template and its image processor.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/probes.h"
#include "vlm/generation.h"
#include "vlm/image_cache.h"
#include "vlm/open_model.h"

namespace scalselect::vlm {

/// An answer and its ids.
struct Answer {
  std::vector<std::int64_t> prompt_ids;  ///< as the decoder reads them, image placeholders expanded
  std::vector<std::int64_t> ids;         ///< generated, the stop id included
  std::string text;                      ///< special tokens removed, outer blanks stripped
};

/// A TextGenerator that also returns the ids.
class AnswerGenerator : public TextGenerator {
 public:
  /// As TextGenerator::generate, which returns the texts of this.
  virtual std::vector<Answer> answer(std::span<const GenerationPrompt> prompts, const GenerationOptions& options) = 0;
  std::vector<std::string> generate(std::span<const GenerationPrompt> prompts, const GenerationOptions& options) final;
};

class VlmGenerator final : public AnswerGenerator {
 public:
  /// `lone_prompt`: questions come one at a time, and speed matters more than getting the same bits as in a batch (see
  /// GreedyOptions::least_rows and length_multiple).
  explicit VlmGenerator(OpenModel model, bool lone_prompt = false);

  /// Prompts about the same pictures are run together, and what they have in common, up to the last picture, is read
  /// once; such groups are batched by the lengths of their prompts, and batches run on several threads. Answers do not
  /// depend on any of it. Features are computed once per image (and kept over calls, up to 256 MiB). Throws
  /// UserError(kInput) for an unreadable image and for a lone prompt that is longer than the model's positions (of
  /// others, a warning counts them), and UserError(kDiverged) if the model's logits are not finite.
  std::vector<Answer> answer(std::span<const GenerationPrompt> prompts, const GenerationOptions& options) override;

 private:
  VisualTokens visual(const std::string& path);
  GreedyPrompt prepare(const GenerationPrompt& prompt, const std::map<std::string, VisualTokens>& seen);
  void check_lengths(const std::vector<GreedyPrompt>& prompts, int new_tokens) const;

  Vlm model_;
  ChatTemplate chat_;
  std::shared_ptr<ImageReader> images_;
  BoundedCache<VisualTokens> features_;
  bool lone_prompt_;
};

/// The model of an HF folder with an optional PEFT adapter (empty path: none; merged into the weights), ready to
/// answer. `dtype`: see `weight_dtype` (vlm/checkpoint.h); `pixels` and `chat_template`: see open_model; `lone_prompt`:
/// see VlmGenerator.
std::unique_ptr<AnswerGenerator> open_generator(const std::filesystem::path& model,
                                                const std::filesystem::path& adapter, const std::string& dtype,
                                                const PixelLimits& pixels = {}, bool lone_prompt = false,
                                                const std::string& chat_template = "auto");

}  // namespace scalselect::vlm
