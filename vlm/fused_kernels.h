// Inner loops of vlm/fused.cpp over one row, compiled for several instruction sets and chosen at run time.
// A std::uint16_t holds the bits of a bfloat16.
#pragma once

#include <cstdint>

namespace scalselect::vlm::kernels {

/// sum of a[i] * b[i], in 16 partial sums.
float dot(const float* a, const float* b, std::int64_t size);

/// y[i] = x[i] * scale * weight[i], rounded to nearest even if to bfloat16.
void scale_by(const float* x, const float* weight, float scale, std::int64_t size, float* y);
void scale_by(const float* x, const float* weight, float scale, std::int64_t size, std::uint16_t* y);

/// Input gradient of an RMS norm; `g` is the output's gradient, `scale` 1 / rms.
void norm_gradient(const float* x, const float* weight, const float* g, float scale, std::int64_t size, float* dx);

/// y = x rotated by (cos, sign * sin); pairs are (j, j + half).
void turn(const float* x, const float* cos, const float* sin, float sign, std::int64_t half, float* y);
void turn(const std::uint16_t* x, const float* cos, const float* sin, float sign, std::int64_t half, std::uint16_t* y);

}  // namespace scalselect::vlm::kernels
