#include "vlm/fused_kernels.h"

#include <bit>

#include "core/target_clones.h"

namespace scalselect::vlm::kernels {
namespace {

constexpr std::int64_t kLanes = 16;

[[gnu::always_inline]] inline std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto rounded = static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  return (bits & 0x7fffffffu) > 0x7f800000u ? std::uint16_t{0x7fc0} : rounded;
}

[[gnu::always_inline]] inline float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace

// The order of additions is fixed by the 16 lanes, so that every instruction set without fused multiply-add gives the
// same bits, and each is deterministic.
SCALSELECT_CLONES float dot(const float* a, const float* b, std::int64_t size) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::int64_t k = 0; k < kLanes; ++k) lanes[k] += a[i + k] * b[i + k];
  }
  float sum = 0;
  for (; i < size; ++i) sum += a[i] * b[i];
  for (std::int64_t k = 0; k < kLanes; ++k) sum += lanes[k];
  return sum;
}

SCALSELECT_CLONES void scale_by(const float* __restrict x, const float* __restrict weight, float scale,
                                std::int64_t size, float* __restrict y) {
  for (std::int64_t i = 0; i < size; ++i) y[i] = x[i] * scale * weight[i];
}

SCALSELECT_CLONES void scale_by(const float* __restrict x, const float* __restrict weight, float scale,
                                std::int64_t size, std::uint16_t* __restrict y) {
  for (std::int64_t i = 0; i < size; ++i) y[i] = to_bfloat16(x[i] * scale * weight[i]);
}

SCALSELECT_CLONES void norm_gradient(const float* __restrict x, const float* __restrict weight,
                                     const float* __restrict g, float scale, std::int64_t size, float* __restrict dx) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::int64_t k = 0; k < kLanes; ++k) lanes[k] += g[i + k] * weight[i + k] * x[i + k];
  }
  float sum = 0;
  for (; i < size; ++i) sum += g[i] * weight[i] * x[i];
  for (std::int64_t k = 0; k < kLanes; ++k) sum += lanes[k];
  const float pull = sum * scale * scale / static_cast<float>(size);
  for (i = 0; i < size; ++i) dx[i] = scale * (g[i] * weight[i] - x[i] * pull);
}

SCALSELECT_CLONES void turn(const float* __restrict x, const float* __restrict cos, const float* __restrict sin,
                            float sign, std::int64_t half, float* __restrict y) {
  for (std::int64_t j = 0; j < half; ++j) {
    const float s = sign * sin[j];
    y[j] = x[j] * cos[j] - x[j + half] * s;
    y[j + half] = x[j + half] * cos[j] + x[j] * s;
  }
}

SCALSELECT_CLONES void turn(const std::uint16_t* __restrict x, const float* __restrict cos, const float* __restrict sin,
                            float sign, std::int64_t half, std::uint16_t* __restrict y) {
  for (std::int64_t j = 0; j < half; ++j) {
    const float a = from_bfloat16(x[j]), b = from_bfloat16(x[j + half]), s = sign * sin[j];
    y[j] = to_bfloat16(a * cos[j] - b * s);
    y[j + half] = to_bfloat16(b * cos[j] + a * s);
  }
}

}  // namespace scalselect::vlm::kernels
