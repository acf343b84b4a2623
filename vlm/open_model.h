// A model folder opened: the model, its prompt, and its image processor.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/picture_tally.h"
#include "vlm/chat_template.h"
#include "vlm/checkpoint.h"
#include "vlm/image_processor.h"
#include "vlm/vlm.h"

namespace scalselect::vlm {

/// Turns image files into a model's input, and says how many visual tokens they become. Thread-safe.
class ImageReader {
 public:
  ImageReader(Vlm model, ImageProcessor processor) : model_(std::move(model)), processor_(std::move(processor)) {}
  /// Warns of pictures that cannot tell samples apart (data/picture_tally.h).
  ~ImageReader();
  ImageReader(const ImageReader&) = delete;
  ImageReader& operator=(const ImageReader&) = delete;

  /// Visual tokens of each image. If images keep their own sizes, each file is decoded once for that and its size
  /// remembered. Throws UserError(kInput) for an image that cannot be decoded or does not fit the model.
  std::vector<std::int64_t> image_tokens(std::span<const std::string> paths);
  /// What another process found out: image_tokens need not look at that picture.
  void know(const std::string& path, std::int64_t tokens);

  /// Of all processed images; empty where each keeps its own.
  std::optional<ImageSize> fixed_size() const;

  /// Processed pixels, float32 [3, height, width], CPU. Throws UserError(kInput) as decode_image does.
  torch::Tensor pixels(const std::string& path) const;
  std::vector<torch::Tensor> pixels(std::span<const std::string> paths) const;

 private:
  std::int64_t tokens(const std::string& path);
  /// with_image whose errors name the file, including those of `use`.
  static void read(const std::string& path, const std::function<void(const Image&)>& use);

  Vlm model_;
  ImageProcessor processor_;
  std::mutex mutex_;
  std::map<std::string, std::int64_t> known_;
  mutable PictureTally tally_;
};

struct OpenModel {
  Vlm model;
  ChatTemplate chat;
  std::shared_ptr<ImageReader> images;
};

/// The model of an HF folder with its prompt. `limits`: see ImageProcessor::load; `chat_template`: see choose_chat
/// (vlm/chat_choice.h). A line of the log says where prompts are made by a template.
OpenModel open_model(const std::filesystem::path& folder, const LoadOptions& options = {},
                     const PixelLimits& limits = {}, const std::string& chat_template = "auto");

}  // namespace scalselect::vlm
