#include "data/resize.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

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

/// For each output position: the first input position and the fixed-point weights from there on.
struct Kernel {
  std::vector<int> first, count;
  std::vector<std::int32_t> weights;  // out x width
  int width = 0;
};

Kernel make_kernel(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;
  Kernel kernel;
  kernel.width = static_cast<int>(std::ceil(support)) * 2 + 1;
  kernel.weights.resize(static_cast<std::size_t>(out) * kernel.width);
  std::vector<double> row(static_cast<std::size_t>(kernel.width));
  for (int j = 0; j < out; ++j) {
    const double center = (j + 0.5) * scale;
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

Image resize_rows(const Image& image, int width) {
  const Kernel kernel = make_kernel(image.width, width);
  Image out{width, image.height, {}};
  out.rgb.resize(static_cast<std::size_t>(width) * image.height * 3);
  auto* to = out.rgb.data();
  for (int y = 0; y < image.height; ++y) {
    const auto* row = &image.rgb[static_cast<std::size_t>(y) * image.width * 3];
    for (int x = 0; x < width; ++x) {
      std::int32_t sum[3] = {1 << (kPrecisionBits - 1), 1 << (kPrecisionBits - 1), 1 << (kPrecisionBits - 1)};
      const auto* weight = &kernel.weights[static_cast<std::size_t>(x) * kernel.width];
      const auto* from = row + 3 * kernel.first[x];
      for (int k = 0; k < kernel.count[x]; ++k, from += 3) {
        for (int c = 0; c < 3; ++c) sum[c] += from[c] * weight[k];
      }
      for (int c = 0; c < 3; ++c) *to++ = clip(sum[c]);
    }
  }
  return out;
}

Image resize_columns(const Image& image, int height) {
  const Kernel kernel = make_kernel(image.height, height);
  Image out{image.width, height, {}};
  const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
  out.rgb.resize(stride * height);
  std::vector<std::int32_t> sums(stride);
  for (int y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), 1 << (kPrecisionBits - 1));
    for (int k = 0; k < kernel.count[y]; ++k) {
      const auto weight = kernel.weights[static_cast<std::size_t>(y) * kernel.width + k];
      const auto* row = &image.rgb[stride * (kernel.first[y] + k)];
      for (std::size_t i = 0; i < stride; ++i) sums[i] += row[i] * weight;
    }
    for (std::size_t i = 0; i < stride; ++i) out.rgb[stride * y + i] = clip(sums[i]);
  }
  return out;
}

}  // namespace

Image resize_bicubic(const Image& image, int width, int height) {
  SCALSELECT_CHECK(image.width > 0 && image.height > 0 && width > 0 && height > 0);
  if (width == image.width && height == image.height) return image;
  if (width == image.width) return resize_columns(image, height);
  const Image wide = resize_rows(image, width);
  return height == image.height ? wide : resize_columns(wide, height);
}

}  // namespace scalselect
