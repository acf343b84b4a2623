#include "vlm/image_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "data/python_json.h"
#include "data/resize.h"

namespace scalselect::vlm {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what) {
  throw UserError(ErrorKind::kInput, fmt::format("'{}': {}.", file.string(), what));
}

template <class T>
void read_key(const std::filesystem::path& file, const Json& tree, const char* key, T& target) {
  const auto found = tree.find(key);
  if (found == tree.end() || found->is_null()) return;
  try {
    target = found->get<T>();
    if constexpr (std::is_same_v<T, int> || std::is_same_v<T, std::int64_t>) {
      if (!found->is_number() || found->get<double>() != static_cast<double>(target)) throw std::range_error(key);
    }
  } catch (const std::exception&) {
    refuse(file, fmt::format("the value of '{}' has the wrong type: {}", key, found->dump()));
  }
}

/// `size` is a number (old files) or an object with shortest_edge or height and width.
void read_size(const std::filesystem::path& file, const Json& tree, ImageProcessorOptions& options) {
  if (!tree.contains("size") || tree["size"].is_null()) return;
  const auto& size = tree["size"];
  options.shortest_edge = 0;
  if (size.is_number_integer()) {
    read_key(file, tree, "size", options.shortest_edge);
  } else if (size.is_object() && size.contains("shortest_edge")) {
    read_key(file, size, "shortest_edge", options.shortest_edge);
  } else if (size.is_object() && size.contains("height") && size.contains("width")) {
    read_key(file, size, "height", options.height);
    read_key(file, size, "width", options.width);
  } else {
    refuse(file, fmt::format("'size' must hold shortest_edge, or height and width, but is {}", size.dump()));
  }
}

void read_crop(const std::filesystem::path& file, const Json& tree, ImageProcessorOptions& options) {
  if (!tree.contains("crop_size") || tree["crop_size"].is_null()) return;
  const auto& size = tree["crop_size"];
  if (size.is_number_integer()) {
    read_key(file, tree, "crop_size", options.crop_height);
    options.crop_width = options.crop_height;
  } else if (size.is_object() && size.contains("height") && size.contains("width")) {
    read_key(file, size, "height", options.crop_height);
    read_key(file, size, "width", options.crop_width);
  } else {
    refuse(file, fmt::format("'crop_size' must hold height and width, but is {}", size.dump()));
  }
}

/// One bound of the area: `key` of the file, else `edge` of its 'size' (edges there are areas), else the class's own.
std::int64_t read_bound(const std::filesystem::path& file, const Json& tree, const char* key, const char* edge,
                        std::int64_t usual) {
  const auto size = tree.find("size");
  const bool sized = size != tree.end() && !size->is_null();
  std::int64_t bound = -1;
  read_key(file, tree, key, bound);
  if (tree.contains(key) && !tree[key].is_null()) return bound;
  if (!sized) return usual;
  if (!size->is_object() || !size->contains(edge) || (*size)[edge].is_null()) {
    refuse(file, fmt::format("'size' must hold shortest_edge and longest_edge, but is {}", size->dump()));
  }
  read_key(file, *size, edge, bound);
  return bound;
}

int read_positive(const std::filesystem::path& file, const Json& tree, const char* key, int usual) {
  int value = usual;
  read_key(file, tree, key, value);
  constexpr int kMost = 1 << 14;
  if (value < 1 || value > kMost) refuse(file, fmt::format("'{}' must be from 1 to {}, but is {}", key, kMost, value));
  return value;
}

/// Qwen-VL: patch blocks, and an area from `size` or, older, min_pixels and max_pixels, as Qwen2VLImageProcessorFast
/// takes them.
void read_blocks(const std::filesystem::path& file, const Json& tree, ImageProcessorOptions& options) {
  options.patch_size = read_positive(file, tree, "patch_size", 14);
  options.temporal_patch_size = read_positive(file, tree, "temporal_patch_size", 2);
  options.merge_size = read_positive(file, tree, "merge_size", 2);
  options.size_factor = options.patch_size * options.merge_size;
  if (const auto size = tree.find("size"); size != tree.end() && !size->is_null() && !size->is_object()) {
    refuse(file, fmt::format("'size' must hold shortest_edge and longest_edge, but is {}", size->dump()));
  }
  options.bounds = {read_bound(file, tree, "min_pixels", "shortest_edge", 56 * 56),
                    read_bound(file, tree, "max_pixels", "longest_edge", 28 * 28 * 1280)};
}

/// Puts `limits` in the place of the file's bounds.
void limit_area(const std::filesystem::path& file, const PixelLimits& limits, PixelBounds& bounds) {
  bounds = {limits.least.value_or(bounds.least), limits.most.value_or(bounds.most)};
  if ((bounds.least > 0 && bounds.most >= bounds.least) || (!limits.least && !limits.most)) return;
  throw UserError(
      ErrorKind::kUsage,
      fmt::format("A picture's area cannot be from {} to {} pixels: {} and {}.", bounds.least, bounds.most,
                  limits.least ? "model.min_pixels is given" : "the least is that of the model's folder",
                  limits.most ? "model.max_pixels is given" : "the most is that of the model's folder"),
      fmt::format("Give model.min_pixels and model.max_pixels that fit; '{}' has the folder's.", file.string()));
}

/// Whether the processor's class is `name`, or its fast twin.
bool is_class(const Json& tree, const char* name) {
  const auto type = tree.find("image_processor_type");
  return type != tree.end() && type->is_string() && type->get<std::string>().starts_with(name);
}

void check(const std::filesystem::path& file, const ImageProcessorOptions& options) {
  const bool blocks = options.size_factor > 0 && options.bounds.least > 0;
  if (options.size_factor != 0 && (!blocks || options.bounds.most < options.bounds.least)) {
    refuse(file, fmt::format("a picture's area cannot be from {} to {} pixels (min_pixels and max_pixels, or 'size')",
                             options.bounds.least, options.bounds.most));
  }
  const bool edge = blocks || options.shortest_edge > 0 || (options.height > 0 && options.width > 0);
  if (options.do_resize && !edge) refuse(file, "'size' must be positive");
  if (options.do_center_crop && (options.crop_height < 1 || options.crop_width < 1)) {
    refuse(file, "'crop_size' must be positive");
  }
  if (options.do_normalize && std::any_of(options.std.begin(), options.std.end(), [](double s) { return s == 0; })) {
    refuse(file, "'image_std' must not be zero");
  }
}

/// A canvas of one colour with `image` at (left, top), cropped to the canvas.
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

/// Offset of HF's center_crop: floor of half the surplus is cut, or ceil of half the gap is padded.
std::int64_t crop_offset(std::int64_t target, std::int64_t size) {
  return target >= size ? (target - size + 1) / 2 : -((size - target) / 2);
}

/// Of an image that may never be computed as a whole.
struct Extent {
  std::int64_t height = 0, width = 0;
};

/// For an image that is computed as a whole: refused if it is larger than a picture may be.
ImageSize whole(const Extent& extent) {
  constexpr auto most = DecodeOptions().max_pixels;
  if (extent.width > most / extent.height) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("The model would read it as {} x {} pixels, more than the limit of {}.", extent.width,
                                extent.height, most),
                    "Cut it, or leave it out.");
  }
  return {static_cast<int>(extent.height), static_cast<int>(extent.width)};
}

/// After resizing, before the crop.
Extent resized_size(const ImageSize& size, const ImageProcessorOptions& options) {
  if (options.size_factor > 0) {
    const auto blocks = smart_resize(size, options.size_factor, options.bounds);
    return {blocks.height, blocks.width};
  }
  if (options.shortest_edge == 0) return {options.height, options.width};
  const auto edge = static_cast<std::int64_t>(options.shortest_edge);
  const int shorter = std::min(size.width, size.height), longer = std::max(size.width, size.height);
  const auto far = edge * longer / shorter;
  return size.width <= size.height ? Extent{far, edge} : Extent{edge, far};
}

}  // namespace

ImageSize smart_resize(const ImageSize& size, int factor, const PixelBounds& bounds) {
  const auto longer = std::max(size.height, size.width), shorter = std::min(size.height, size.width);
  if (longer > 200 * static_cast<std::int64_t>(shorter)) {
    throw UserError(
        ErrorKind::kInput,
        fmt::format("an image of {} x {} pixels is more than 200 times longer than wide", size.width, size.height),
        "Cut it, or leave it out.");
  }
  const double height = size.height, width = size.width;
  const auto blocks = [&](double count) { return static_cast<int>(count) * factor; };
  ImageSize out{blocks(std::nearbyint(height / factor)), blocks(std::nearbyint(width / factor))};  // half to even
  const auto area = static_cast<std::int64_t>(out.height) * out.width;
  if (area > bounds.most) {
    const double beta = std::sqrt(height * width / static_cast<double>(bounds.most));
    const auto side = [&](double x) { return std::max(factor, blocks(std::floor(x / beta / factor))); };
    out = {side(height), side(width)};
  } else if (area < bounds.least) {
    const double beta = std::sqrt(static_cast<double>(bounds.least) / (height * width));
    const auto side = [&](double x) { return blocks(std::ceil(x * beta / factor)); };
    out = {side(height), side(width)};
  }
  return out;
}

ImageProcessor::ImageProcessor(ImageProcessorOptions options) : options_(options) {
  // As in HF: the product in double, rounded to float; the rest in float.
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

namespace {

/// The file that describes the image processor, and what it says: the part "image_processor" of processor_config.json
/// (transformers 5), else preprocessor_config.json.
std::pair<std::filesystem::path, Json> read_processor(const std::filesystem::path& place) {
  const auto read = [](const std::filesystem::path& file) {
    auto tree = read_python_json<Json>(file);
    if (!tree.is_object()) refuse(file, "is not a JSON object");
    return tree;
  };
  if (!std::filesystem::is_directory(place)) return {place, read(place)};
  const auto newer = place / "processor_config.json", older = place / "preprocessor_config.json";
  if (std::filesystem::exists(newer)) {
    const auto tree = read(newer);
    const auto found = tree.find("image_processor");
    if (found != tree.end() && found->is_object()) return {newer, *found};
  }
  if (std::filesystem::exists(older)) return {older, read(older)};
  throw UserError(ErrorKind::kInput,
                  fmt::format("'{}' has neither preprocessor_config.json nor a processor_config.json with an "
                              "image_processor.",
                              place.string()),
                  "Fetch the file that came with the model.");
}

}  // namespace

ImageProcessor ImageProcessor::load(const std::filesystem::path& folder, bool pad_to_square,
                                    const PixelLimits& limits) {
  const auto [file, tree] = read_processor(folder);
  ImageProcessorOptions options;
  int resample = 3;
  read_key(file, tree, "resample", resample);
  read_key(file, tree, "do_resize", options.do_resize);
  if (options.do_resize && resample != 3) {
    refuse(file, fmt::format("'resample' is {}, but only 3 (bicubic) is supported", resample));
  }
  if (is_class(tree, "Qwen2")) {
    read_blocks(file, tree, options);
    options.do_center_crop = false;
    limit_area(file, limits, options.bounds);
  } else {
    read_size(file, tree, options);
    read_key(file, tree, "do_center_crop", options.do_center_crop);
    read_crop(file, tree, options);
  }
  read_key(file, tree, "do_rescale", options.do_rescale);
  read_key(file, tree, "rescale_factor", options.rescale_factor);
  read_key(file, tree, "do_normalize", options.do_normalize);
  read_key(file, tree, "image_mean", options.mean);
  read_key(file, tree, "image_std", options.std);
  options.pad_to_square = pad_to_square;
  if (bool pads = false; is_class(tree, "LlavaImageProcessor")) {
    read_key(file, tree, "do_pad", pads);
    options.pad_to_square = options.pad_to_square || pads;
  }
  check(file, options);
  return ImageProcessor(options);
}

bool ImageProcessor::fixed_size() const {
  return options_.do_center_crop || (options_.do_resize && options_.size_factor == 0 && options_.shortest_edge == 0);
}

ImageSize ImageProcessor::output_size(const ImageSize& input) const {
  if (options_.do_center_crop) return {options_.crop_height, options_.crop_width};
  auto size = input;
  if (options_.pad_to_square) size.height = size.width = std::max(size.height, size.width);
  return options_.do_resize ? whole(resized_size(size, options_)) : size;
}

Image ImageProcessor::geometry(const Image& image) const {
  if (!options_.pad_to_square || image.width == image.height) return resized(image);
  std::array<std::uint8_t, 3> color{};
  for (std::size_t c = 0; c < 3; ++c) color[c] = static_cast<std::uint8_t>(255 * options_.mean[c]);
  const int side = std::max(image.width, image.height);
  whole({side, side});
  return resized(paste(image, side, side, (side - image.width) / 2, (side - image.height) / 2, color));
}

Image ImageProcessor::resized(const Image& image) const {
  Extent size{image.height, image.width};
  if (options_.do_resize) size = resized_size({image.height, image.width}, options_);
  if (!options_.do_center_crop) {
    const auto all = whole(size);
    return resize_bicubic(image, all.width, all.height);
  }
  // Only the part of the resized image that the crop keeps is computed.
  const int width = options_.crop_width, height = options_.crop_height;
  const auto left = crop_offset(width, size.width), top = crop_offset(height, size.height);
  const Window kept{std::max<std::int64_t>(0, -left), std::max<std::int64_t>(0, -top),
                    static_cast<int>(std::min<std::int64_t>(width, size.width)),
                    static_cast<int>(std::min<std::int64_t>(height, size.height))};
  auto out = resize_bicubic(image, size.width, size.height, kept);
  if (out.width == width && out.height == height) return out;
  return paste(out, width, height, static_cast<int>(std::max<std::int64_t>(0, left)),
               static_cast<int>(std::max<std::int64_t>(0, top)), {0, 0, 0});
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
