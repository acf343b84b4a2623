#include "data/resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/error.h"

namespace scalselect {
namespace {

constexpr int kPrecisionBits = 22;  // of Pillow's fixed-point weights

double bicubic(double t) {
  constexpr double a = -0.5;
  t = std::fabs(t);
  if (t < 1.0) return ((a + 2.0) * t - (a + 3.0)) * t * t + 1;
  if (t < 2.0) return (((t - 5) * t + 8) * t - 4) * a;
  return 0.0;
}

constexpr int kLongestSide = 1 << 24;             // that is reduced: four weights per pixel
constexpr std::int64_t kBetweenBytes = 64 << 20;  // of an image between the two passes

/// For each output position of a part: the first input position and the fixed-point weights from there on.
struct Kernel {
  std::vector<int> first, count;
  std::vector<std::int32_t> weights;  // out x width
  int width = 0;
};

/// Of `count` output positions from `begin` on, where `in` pixels become `out`.
Kernel make_kernel(int in, std::int64_t out, std::int64_t begin, int count) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;
  Kernel kernel;
  kernel.width = static_cast<int>(std::ceil(support)) * 2 + 1;
  kernel.weights.resize(static_cast<std::size_t>(count) * kernel.width);
  std::vector<double> row(static_cast<std::size_t>(kernel.width));
  for (int j = 0; j < count; ++j) {
    const double center = (static_cast<double>(begin + j) + 0.5) * scale;
    const int low = std::max(0, static_cast<int>(center - support + 0.5));
    const int high = std::min(in, static_cast<int>(center + support + 0.5));
    double sum = 0;
    for (int x = low; x < high; ++x) {
      row[x - low] = bicubic((x - center + 0.5) * (1.0 / filter_scale));
      sum += row[x - low];
    }
    for (int x = 0; x < high - low; ++x) {
      const double weight = (sum != 0 ? row[x] / sum : row[x]) * (1 << kPrecisionBits);
      kernel.weights[static_cast<std::size_t>(j) * kernel.width + x] =
          static_cast<std::int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    kernel.first.push_back(low);
    kernel.count.push_back(high - low);
  }
  return kernel;
}

std::uint8_t clip(std::int32_t value) { return static_cast<std::uint8_t>(std::clamp(value >> kPrecisionBits, 0, 255)); }

Image blank(int width, int height) {
  Image out{width, height, {}};
  out.rgb.resize(static_cast<std::size_t>(width) * height * 3);
  return out;
}

const std::uint8_t* pixel(const Image& image, std::int64_t x, std::int64_t y) {
  return &image.rgb[3 * static_cast<std::size_t>(y * image.width + x)];
}

/// Columns of the window in all rows from `top` on that its height takes.
Image cut_out(const Image& image, const Window& window) {
  Image out = blank(window.width, window.height);
  const std::size_t stride = static_cast<std::size_t>(window.width) * 3;
  for (int y = 0; y < window.height; ++y) {
    std::copy_n(pixel(image, window.left, window.top + y), stride, &out.rgb[stride * y]);
  }
  return out;
}

/// Horizontal pass: the window's columns of an image `width` wide, its rows unchanged.
Image resize_rows(const Image& image, std::int64_t width, const Window& window) {
  if (width == image.width) return cut_out(image, window);
  const Kernel kernel = make_kernel(image.width, width, window.left, window.width);
  Image out = blank(window.width, window.height);
  auto* to = out.rgb.data();
  for (int y = 0; y < window.height; ++y) {
    const auto* row = pixel(image, 0, window.top + y);
    for (int x = 0; x < window.width; ++x) {
      std::int32_t sum[3] = {1 << (kPrecisionBits - 1), 1 << (kPrecisionBits - 1), 1 << (kPrecisionBits - 1)};
      const auto* weight = &kernel.weights[static_cast<std::size_t>(x) * kernel.width];
      const auto* from = row + 3 * static_cast<std::ptrdiff_t>(kernel.first[x]);
      for (int k = 0; k < kernel.count[x]; ++k, from += 3) {
        for (int c = 0; c < 3; ++c) sum[c] += from[c] * weight[k];
      }
      for (int c = 0; c < 3; ++c) *to++ = clip(sum[c]);
    }
  }
  return out;
}

/// Vertical pass over an image that begins at row `first` of the one that `kernel` was made for.
Image resize_columns(const Image& image, const Kernel& kernel, int first) {
  Image out = blank(image.width, static_cast<int>(kernel.first.size()));
  const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
  std::vector<std::int32_t> sums(stride);
  for (int y = 0; y < out.height; ++y) {
    std::fill(sums.begin(), sums.end(), 1 << (kPrecisionBits - 1));
    for (int k = 0; k < kernel.count[y]; ++k) {
      const auto weight = kernel.weights[static_cast<std::size_t>(y) * kernel.width + k];
      const auto* row = pixel(image, 0, kernel.first[y] - first + k);
      for (std::size_t i = 0; i < stride; ++i) sums[i] += row[i] * weight;
    }
    for (std::size_t i = 0; i < stride; ++i) out.rgb[stride * y + i] = clip(sums[i]);
  }
  return out;
}

void check_side(const Image& image, int in, std::int64_t out) {
  if (out >= in || in <= kLongestSide) return;
  throw UserError(ErrorKind::kInput,
                  fmt::format("An image of {} x {} pixels is too long to be reduced.", image.width, image.height),
                  "Crop it, or leave it out.");
}

}  // namespace

Image resize_bicubic(const Image& image, std::int64_t width, std::int64_t height, const Window& window) {
  SCALSELECT_CHECK(image.width > 0 && image.height > 0 && window.width > 0 && window.height > 0);
  SCALSELECT_CHECK(window.left >= 0 && window.top >= 0 && window.left + window.width <= width &&
                   window.top + window.height <= height);
  check_side(image, image.width, width);
  check_side(image, image.height, height);
  if (height == image.height) return resize_rows(image, width, window);
  const Kernel kernel = make_kernel(image.height, height, window.top, window.height);
  const int first = kernel.first.front(), last = kernel.first.back() + kernel.count.back();
  // Columns are independent of each other: working in strips bounds the memory between the passes.
  const auto strip = std::clamp<std::int64_t>(kBetweenBytes / (3 * std::int64_t{last - first}), 1, window.width);
  if (strip == window.width) {
    return resize_columns(resize_rows(image, width, {window.left, first, window.width, last - first}), kernel, first);
  }
  Image out = blank(window.width, window.height);
  for (std::int64_t x = 0; x < window.width; x += strip) {
    const auto columns = static_cast<int>(std::min(strip, window.width - x));
    const auto part =
        resize_columns(resize_rows(image, width, {window.left + x, first, columns, last - first}), kernel, first);
    for (int y = 0; y < window.height; ++y) {
      std::copy_n(pixel(part, 0, y), std::size_t{3} * columns,
                  &out.rgb[3 * static_cast<std::size_t>(std::int64_t{y} * window.width + x)]);
    }
  }
  return out;
}

Image resize_bicubic(const Image& image, int width, int height) {
  return resize_bicubic(image, width, height, {0, 0, width, height});
}

}  // namespace scalselect
