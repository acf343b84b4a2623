// Inner loops of vlm/nf4.cpp over blocks of 64 weights, compiled for several instruction sets and chosen at run time.
// A std::uint16_t holds the bits of a bfloat16.
#pragma once

#include <cstdint>

namespace scalselect::vlm::kernels {

inline constexpr std::int64_t kNf4Block = 64;  ///< weights that share a scale

/// The 16 values of NF4, ascending (bitsandbytes: get_4bit_type).
extern const float kNf4Values[16];

/// Largest magnitude of `size` numbers.
float largest_magnitude(const float* x, std::int64_t size);

/// Codes of `size` numbers that are at most `magnitude` large: of the value nearest to x / magnitude, the lower one of
/// two equally near.
void nf4_codes(const float* x, float magnitude, std::int64_t size, std::uint8_t* codes);

/// `blocks` whole blocks: y[i] = value of code i * scale of its block. Two codes a byte, the first in the high half.
void nf4_values(const std::uint8_t* packed, const float* scales, std::int64_t blocks, float* y);
/// Rounded to nearest even.
void nf4_values(const std::uint8_t* packed, const float* scales, std::int64_t blocks, std::uint16_t* y);

}  // namespace scalselect::vlm::kernels
