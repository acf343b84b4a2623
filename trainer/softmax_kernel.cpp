#include "trainer/softmax_kernel.h"

#include <bit>
#include <cmath>
#include <limits>

#include "core/target_clones.h"

namespace scalselect::trainer {
namespace {

constexpr std::int64_t kLanes = 16;

/// exp(t) for t <= 0 by Cephes' polynomial (expf.c): t = n ln 2 + r, exp(r) 2^n. Below -87 it is 0.
[[gnu::always_inline]] inline float exp_of(float t) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it leaves an integer in the low bits
  const float safe = t < -87.0F ? -87.0F : t;
  const float shifted = safe * 1.44269504F + kRound;
  const float n = shifted - kRound;
  const float r = (safe - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const auto power = std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRound) + 127;
  const float value = p * std::bit_cast<float>(power << 23);
  return t < -87.0F ? 0.0F : value;
}

}  // namespace

SCALSELECT_CLONES float softmax_slopes(float* __restrict x, std::int64_t size, std::int64_t target) {
  float most[kLanes], lanes[kLanes] = {};
  for (std::int64_t k = 0; k < kLanes; ++k) most[k] = -std::numeric_limits<float>::infinity();
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::int64_t k = 0; k < kLanes; ++k) most[k] = x[i + k] > most[k] ? x[i + k] : most[k];
  }
  float top = -std::numeric_limits<float>::infinity();
  for (; i < size; ++i) top = x[i] > top ? x[i] : top;
  for (std::int64_t k = 0; k < kLanes; ++k) top = most[k] > top ? most[k] : top;

  const float wanted = x[target] - top;
  for (i = 0; i + kLanes <= size; i += kLanes) {
    for (std::int64_t k = 0; k < kLanes; ++k) {
      const float e = exp_of(x[i + k] - top);
      x[i + k] = e;
      lanes[k] += e;
    }
  }
  float sum = 0;
  for (; i < size; ++i) {
    x[i] = exp_of(x[i] - top);
    sum += x[i];
  }
  for (std::int64_t k = 0; k < kLanes; ++k) sum += lanes[k];

  const float scale = 1.0F / sum;
  for (i = 0; i < size; ++i) x[i] *= scale;
  x[target] -= 1.0F;
  return std::log(sum) - wanted;
}

}  // namespace scalselect::trainer
