#include "vlm/image_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "data/resize.h"

namespace scalselect::vlm {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what) {
  throw UserError(ErrorKind::kInput, fmt::format("'{}': {}.", file.string(), what));
}

template <class T>
void take(const std::filesystem::path& file, const Json& tree, const char* key, T& target) {
  const auto found = tree.find(key);
  if (found == tree.end() || found->is_null()) return;
  try {
    target = found->get<T>();
  } catch (const Json::exception&) {
    refuse(file, fmt::format("the value of '{}' has the wrong type: {}", key, found->dump()));
  }
}

/// `size` is a number (old files) or an object with shortest_edge or height and width.
void take_size(const std::filesystem::path& file, const Json& tree, ImageProcessorOptions& options) {
  if (!tree.contains("size")) return;
  const auto& size = tree["size"];
  options.shortest_edge = 0;
  if (size.is_number_integer()) {
    options.shortest_edge = size.get<int>();
  } else if (size.is_object() && size.contains("shortest_edge")) {
    take(file, size, "shortest_edge", options.shortest_edge);
  } else if (size.is_object() && size.contains("height") && size.contains("width")) {
    take(file, size, "height", options.height);
    take(file, size, "width", options.width);
  } else {
    refuse(file, fmt::format("'size' must hold shortest_edge, or height and width, but is {}", size.dump()));
  }
}

void take_crop(const std::filesystem::path& file, const Json& tree, ImageProcessorOptions& options) {
  if (!tree.contains("crop_size")) return;
  const auto& size = tree["crop_size"];
  if (size.is_number_integer()) {
    options.crop_height = options.crop_width = size.get<int>();
  } else if (size.is_object() && size.contains("height") && size.contains("width")) {
    take(file, size, "height", options.crop_height);
    take(file, size, "width", options.crop_width);
  } else {
    refuse(file, fmt::format("'crop_size' must hold height and width, but is {}", size.dump()));
  }
}

void check(const std::filesystem::path& file, const ImageProcessorOptions& options) {
  const bool edge = options.shortest_edge > 0 || (options.height > 0 && options.width > 0);
  if (options.do_resize && !edge) refuse(file, "'size' must be positive");
  if (options.do_center_crop && (options.crop_height < 1 || options.crop_width < 1)) {
    refuse(file, "'crop_size' must be positive");
  }
  if (options.do_normalize && std::any_of(options.std.begin(), options.std.end(), [](double s) { return s == 0; })) {
    refuse(file, "'image_std' must not be zero");
  }
}

/// A canvas of one colour with `image` at (left, top); what sticks out is cut off.
Image paste(const Image& image, int width, int height, int left, int top, const std::array<std::uint8_t, 3>& color) {
  Image out{width, height, {}};
  out.rgb.resize(static_cast<std::size_t>(width) * height * 3);
  for (std::size_t i = 0; i < out.rgb.size(); ++i) out.rgb[i] = color[i % 3];
  const int x0 = std::max(0, left), x1 = std::min(width, left + image.width);
  for (int y = std::max(0, top); x1 > x0 && y < std::min(height, top + image.height); ++y) {
    const auto* from = &image.rgb[3 * (static_cast<std::size_t>(y - top) * image.width + (x0 - left))];
    std::copy_n(from, static_cast<std::size_t>(x1 - x0) * 3, &out.rgb[3 * (static_cast<std::size_t>(y) * width + x0)]);
  }
  return out;
}

/// Where HF's center_crop puts the image: too large, floor of the surplus is cut; too small, ceil of the gap is padded.
int crop_offset(int target, int size) { return target >= size ? (target - size + 1) / 2 : -((size - target) / 2); }

Image resized(const Image& image, const ImageProcessorOptions& options) {
  if (options.shortest_edge == 0) return resize_bicubic(image, options.width, options.height);
  const auto edge = static_cast<std::int64_t>(options.shortest_edge);
  const int shorter = std::min(image.width, image.height), longer = std::max(image.width, image.height);
  const auto far = static_cast<int>(edge * longer / shorter);
  return image.width <= image.height ? resize_bicubic(image, options.shortest_edge, far)
                                     : resize_bicubic(image, far, options.shortest_edge);
}

}  // namespace

ImageProcessor::ImageProcessor(ImageProcessorOptions options) : options_(options) {
  // As HF: the product in double, rounded to float; the rest in float.
  for (std::size_t c = 0; c < 3; ++c) {
    for (int level = 0; level < 256; ++level) {
      float value = static_cast<float>(level);
      if (options_.do_rescale) value = static_cast<float>(level * options_.rescale_factor);
      if (options_.do_normalize) {
        value = (value - static_cast<float>(options_.mean[c])) / static_cast<float>(options_.std[c]);
      }
      table_[c][static_cast<std::size_t>(level)] = value;
    }
  }
}

ImageProcessor ImageProcessor::load(const std::filesystem::path& folder, bool pad_to_square) {
  const auto file = std::filesystem::is_directory(folder) ? folder / "preprocessor_config.json" : folder;
  const auto tree = Json::parse(read_file(file), nullptr, false);
  if (!tree.is_object()) refuse(file, "is not a JSON object");
  ImageProcessorOptions options;
  int resample = 3;
  take(file, tree, "resample", resample);
  take(file, tree, "do_resize", options.do_resize);
  if (options.do_resize && resample != 3) {
    refuse(file, fmt::format("'resample' is {}, but only 3 (bicubic) is supported", resample));
  }
  take_size(file, tree, options);
  take(file, tree, "do_center_crop", options.do_center_crop);
  take_crop(file, tree, options);
  take(file, tree, "do_rescale", options.do_rescale);
  take(file, tree, "rescale_factor", options.rescale_factor);
  take(file, tree, "do_normalize", options.do_normalize);
  take(file, tree, "image_mean", options.mean);
  take(file, tree, "image_std", options.std);
  options.pad_to_square = pad_to_square;
  check(file, options);
  return ImageProcessor(options);
}

Image ImageProcessor::geometry(const Image& image) const {
  Image out = image;
  if (options_.pad_to_square && out.width != out.height) {
    std::array<std::uint8_t, 3> color{};
    for (std::size_t c = 0; c < 3; ++c) color[c] = static_cast<std::uint8_t>(255 * options_.mean[c]);
    const int side = std::max(out.width, out.height);
    out = paste(out, side, side, (side - out.width) / 2, (side - out.height) / 2, color);
  }
  if (options_.do_resize) out = resized(out, options_);
  if (options_.do_center_crop && (out.width != options_.crop_width || out.height != options_.crop_height)) {
    out = paste(out, options_.crop_width, options_.crop_height, crop_offset(options_.crop_width, out.width),
                crop_offset(options_.crop_height, out.height), {0, 0, 0});
  }
  return out;
}

torch::Tensor ImageProcessor::process(const Image& image) const {
  const Image pixels = geometry(image);
  auto tensor = torch::empty({3, pixels.height, pixels.width}, torch::kFloat);
  auto* out = tensor.data_ptr<float>();
  const std::size_t count = static_cast<std::size_t>(pixels.width) * pixels.height;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < count; ++i) *out++ = table_[c][pixels.rgb[3 * i + c]];
  }
  return tensor;
}

}  // namespace scalselect::vlm
