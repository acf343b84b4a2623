#include "vlm/open_model.h"

#include <fmt/format.h>

#include <tuple>
#include <utility>
#include <variant>

#include "core/error.h"
#include "core/log.h"
#include "vlm/chat_choice.h"
#include "vlm/config.h"
#include "vlm/llava.h"
#include "vlm/llava_processor.h"

namespace scalselect::vlm {

ImageReader::~ImageReader() {
  if (const auto summary = tally_.summary(); !summary.empty()) log_warning("{}", summary);
}

void ImageReader::read(const std::string& path, const std::function<void(const Image&)>& use) {
  with_image(path, [&](const Image& image) {
    try {
      use(image);
    } catch (const UserError& error) {
      throw UserError(error.kind(), fmt::format("Image '{}': {}", path, error.problem()), error.remedy());
    }
  });
}

std::optional<ImageSize> ImageReader::fixed_size() const {
  if (!processor_.fixed_size()) return std::nullopt;
  return processor_.output_size({});
}

std::int64_t ImageReader::tokens(const std::string& path) {
  if (const auto size = fixed_size()) return model_->grid(size->height, size->width).tokens();
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(path); found != known_.end()) return found->second;
  }
  std::int64_t count = 0;
  read(path, [&](const Image& image) {
    const auto size = processor_.output_size({image.height, image.width});
    count = model_->grid(size.height, size.width).tokens();
  });
  const std::lock_guard lock(mutex_);
  return known_.emplace(path, count).first->second;
}

void ImageReader::know(const std::string& path, std::int64_t tokens) {
  const std::lock_guard lock(mutex_);
  known_.emplace(path, tokens);
}

std::vector<std::int64_t> ImageReader::image_tokens(std::span<const std::string> paths) {
  std::vector<std::int64_t> counts;
  for (const auto& path : paths) counts.push_back(tokens(path));
  return counts;
}

torch::Tensor ImageReader::pixels(const std::string& path) const {
  torch::Tensor pixels;
  read(path, [&](const Image& image) {
    tally_.add(path, image);
    pixels = processor_.process(image);
  });
  return pixels;
}

std::vector<torch::Tensor> ImageReader::pixels(std::span<const std::string> paths) const {
  std::vector<torch::Tensor> images;
  for (const auto& path : paths) images.push_back(pixels(path));
  return images;
}

namespace {

ChatTemplate open_chat(const std::filesystem::path& folder, VlmImpl& model, const std::string& asked) {
  const auto choice = choose_chat(folder, asked, model.chat_layout());
  const auto& text = model.text();
  ChatTemplate chat(chat_layout(choice.layout), choice.program, std::make_shared<Tokenizer>(Tokenizer::load(folder)),
                    {text.vocab_size, text.max_position_embeddings}, text.eos_token_ids);
  if (!choice.program) return chat;
  log_info("prompts are made by the chat template in {}, which differs from the built-in '{}'",
           choice.program->source().place, choice.layout);
  if (!chat.answer_end().empty()) {
    log_info("the chat template ends answers with no stop token: in training '{}' follows each", chat.answer_end());
  }
  return chat;
}

/// Patches of another shape than the tower's would be read as other patches, or fail far from here.
void check_patches(const std::filesystem::path& folder, const ImageProcessorOptions& images) {
  const auto config = read_model_config(folder);
  const auto* qwen = std::get_if<QwenVlConfig>(&config);
  if (qwen == nullptr || images.size_factor == 0) return;
  const std::tuple<const char*, std::int64_t, const char*, std::int64_t> sizes[] = {
      {"patch_size", images.patch_size, "patch_size", qwen->vision.patch_size},
      {"temporal_patch_size", images.temporal_patch_size, "temporal_patch_size", qwen->vision.temporal_patch_size},
      {"merge_size", images.merge_size, "spatial_merge_size", qwen->vision.spatial_merge_size}};
  for (const auto& [key, has, of_tower, wanted] : sizes) {
    if (has == wanted) continue;
    throw UserError(ErrorKind::kInput,
                    fmt::format("'{}': the image processor's '{}' is {}, and 'vision_config.{}' in config.json is {}.",
                                folder.string(), key, has, of_tower, wanted),
                    "Restore the files that came with the model.");
  }
}

}  // namespace

OpenModel open_model(const std::filesystem::path& folder, const LoadOptions& options, const PixelLimits& limits,
                     const std::string& chat_template) {
  auto model = load_vlm(folder, options);
  auto chat = open_chat(folder, *model, chat_template);
  if (const auto* llava = dynamic_cast<const LlavaModelImpl*>(&*model))
    tell_processor_contradictions(folder, llava->config(), chat.tokenizer());
  auto processor = ImageProcessor::load(folder, false, limits);
  check_patches(folder, processor.options());
  auto images = std::make_shared<ImageReader>(model, std::move(processor));
  return {std::move(model), std::move(chat), std::move(images)};
}

}  // namespace scalselect::vlm
