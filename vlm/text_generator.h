// Answers in text: core's TextGenerator over a LLaVA model, its chat template and its image processor.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/probes.h"
#include "vlm/chat_template.h"
#include "vlm/generation.h"
#include "vlm/image_cache.h"
#include "vlm/image_processor.h"
#include "vlm/llava.h"

namespace scalselect::vlm {

/// An answer with the ids behind it.
struct Answer {
  std::vector<std::int64_t> prompt_ids;  ///< as the decoder reads them, image placeholders expanded
  std::vector<std::int64_t> ids;         ///< generated, the stop id included
  std::string text;                      ///< special tokens removed, outer blanks stripped
};

/// A TextGenerator that also tells the ids.
class AnswerGenerator : public TextGenerator {
 public:
  /// As TextGenerator::generate, which gives the texts of this.
  virtual std::vector<Answer> answer(std::span<const GenerationPrompt> prompts, const GenerationOptions& options) = 0;
  std::vector<std::string> generate(std::span<const GenerationPrompt> prompts, const GenerationOptions& options) final;
};

class LlavaGenerator final : public AnswerGenerator {
 public:
  LlavaGenerator(LlavaModel model, ChatTemplate chat, ImageProcessor processor);

  /// Prompts are grouped by padded length, and groups run on several threads; answers do not depend on either. Features
  /// are computed once per image (and kept over calls, up to 256 MiB). Throws UserError(kInput) for an unreadable
  /// image.
  std::vector<Answer> answer(std::span<const GenerationPrompt> prompts, const GenerationOptions& options) override;

 private:
  torch::Tensor visual(const std::string& path);
  GreedyPrompt prepare(const GenerationPrompt& prompt);

  LlavaModel model_;
  ChatTemplate chat_;
  ImageProcessor processor_;
  BoundedCache<torch::Tensor> features_;
};

/// The model of an HF folder with an optional PEFT adapter (empty path: none; merged into the weights), ready to
/// answer. `dtype`: see `weight_dtype` (vlm/checkpoint.h).
std::unique_ptr<AnswerGenerator> open_generator(const std::filesystem::path& model,
                                                const std::filesystem::path& adapter, const std::string& dtype);

}  // namespace scalselect::vlm
