// Image processors, bit for bit HF's slow (Pillow) ones. CLIP: RGB -> resize the short edge with Pillow's bicubic ->
// centre crop -> x/255 -> normalise (transformers, image_processing_clip.py and image_transforms.py). Qwen-VL: both
// sides become multiples of a patch block, the area stays within bounds, nothing is cropped
// (image_processing_qwen2_vl.py; cutting into patches is the model's).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "data/image.h"
#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// Area that an image is resized into, in pixels.
struct PixelBounds {
  std::int64_t least = 0, most = 0;
  bool operator==(const PixelBounds&) const = default;
};

/// Bounds that replace those of a model folder, each where it is given.
struct PixelLimits {
  std::optional<std::int64_t> least, most;
};

/// The authors' setting for Qwen models: 256 to 576 visual tokens of 32 x 32 pixels (ChangtiWu/ScalSelect,
/// scripts/feature_extract.py).
inline constexpr PixelLimits kAuthorsPixels{262144, 589824};

struct ImageSize {
  int height = 0, width = 0;
  bool operator==(const ImageSize&) const = default;
};

/// Qwen's smart_resize: the multiples of `factor` nearest to the sides (half to even), scaled if their area is
/// out of bounds. Throws UserError(kInput) for sides more than 200 : 1.
ImageSize smart_resize(const ImageSize& size, int factor, const PixelBounds& bounds);

struct ImageProcessorOptions {
  bool do_resize = true;
  int shortest_edge = 224;    ///< size.shortest_edge; 0 if the file gives height and width
  int height = 0, width = 0;  ///< size.{height,width}: resized to exactly this, aspect ratio ignored
  bool do_center_crop = true;
  int crop_height = 224, crop_width = 224;
  bool do_rescale = true;
  double rescale_factor = 1.0 / 255.0;
  bool do_normalize = true;
  std::array<double, 3> mean{0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> std{0.26862954, 0.26130258, 0.27577711};
  int size_factor = 0;  ///< > 0: smart_resize with this factor (patch_size * merge_size) and `bounds`; no edge, no crop
  PixelBounds bounds;
  int patch_size = 0, temporal_patch_size = 0, merge_size = 0;  ///< of a Qwen-VL file; the tower must have the same
  /// Paste on a square canvas of colour int(255 * mean) first, as LLaVA-1.5 did (mm_utils.py, expand2square).
  bool pad_to_square = false;
};

class ImageProcessor {
 public:
  explicit ImageProcessor(ImageProcessorOptions options);

  /// Reads an HF folder's processor_config.json (transformers 5: its image_processor), else preprocessor_config.json;
  /// or the file itself. `limits` replace those of a Qwen-VL
  /// file; other processors have none. Throws UserError(kInput): missing, not JSON, a resampling other than bicubic
  /// (3), sizes that are not positive, a `size` that Qwen2VLImageProcessorFast refuses; UserError(kUsage): `limits`
  /// that leave no area. A LlavaImageProcessor's `do_pad` means `pad_to_square`, too.
  static ImageProcessor load(const std::filesystem::path& folder, bool pad_to_square = false,
                             const PixelLimits& limits = {});

  /// True if all images come out at one size.
  bool fixed_size() const;

  /// Size of `process`'s output for an image of that size. Throws UserError(kInput) as smart_resize does, and
  /// if an image that is not cropped would become too large (DecodeOptions::max_pixels).
  ImageSize output_size(const ImageSize& input) const;

  /// Padded, resized and cropped pixels, before any arithmetic; only what the crop keeps is computed.
  Image geometry(const Image& image) const;

  /// float32 [3, H, W], contiguous, CPU.
  torch::Tensor process(const Image& image) const;

  const ImageProcessorOptions& options() const { return options_; }

 private:
  Image resized(const Image& image) const;

  ImageProcessorOptions options_;
  std::array<std::array<float, 256>, 3> table_;  ///< channel, level -> normalised value
};

}  // namespace scalselect::vlm
