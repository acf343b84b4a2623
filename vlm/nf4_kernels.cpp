#include "vlm/nf4_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/target_clones.h"

namespace scalselect::vlm::kernels {

const float kNf4Values[16] = {-1.0f,
                              -0.6961928009986877f,
                              -0.5250730514526367f,
                              -0.39491748809814453f,
                              -0.28444138169288635f,
                              -0.18477343022823334f,
                              -0.09105003625154495f,
                              0.0f,
                              0.07958029955625534f,
                              0.16093020141124725f,
                              0.24611230194568634f,
                              0.33791524171829224f,
                              0.44070982933044434f,
                              0.5626170039176941f,
                              0.7229568362236023f,
                              1.0f};

namespace {

[[gnu::always_inline]] inline std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);  // there are no NaNs here
}

#if defined(__GNUC__) && !defined(__clang__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

// A look-up among 16 values is one byte shuffle for each byte of a value.
typedef std::uint8_t Bytes __attribute__((vector_size(16)));
typedef std::uint16_t Pairs __attribute__((vector_size(16)));

[[gnu::always_inline]] inline Bytes load(const void* from) {
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

[[gnu::always_inline]] inline Bytes low(Bytes a, Bytes b) {
  return __builtin_shuffle(a, b, Bytes{0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23});
}

[[gnu::always_inline]] inline Bytes high(Bytes a, Bytes b) {
  return __builtin_shuffle(a, b, Bytes{8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31});
}

[[gnu::always_inline]] inline Bytes low_pairs(Bytes a, Bytes b) {
  return std::bit_cast<Bytes>(
      __builtin_shuffle(std::bit_cast<Pairs>(a), std::bit_cast<Pairs>(b), Pairs{0, 8, 1, 9, 2, 10, 3, 11}));
}

[[gnu::always_inline]] inline Bytes high_pairs(Bytes a, Bytes b) {
  return std::bit_cast<Bytes>(
      __builtin_shuffle(std::bit_cast<Pairs>(a), std::bit_cast<Pairs>(b), Pairs{4, 12, 5, 13, 6, 14, 7, 15}));
}

[[gnu::always_inline]] inline void write(const Bytes* from, int count, void* to) {
  std::memcpy(to, from, sizeof(Bytes) * static_cast<std::size_t>(count));
}

/// Byte k of each value in planes[k].
[[gnu::always_inline]] inline void look_up(const Bytes (&planes)[4], Bytes codes, float* y) {
  const Bytes a = __builtin_shuffle(planes[0], codes), b = __builtin_shuffle(planes[1], codes);
  const Bytes c = __builtin_shuffle(planes[2], codes), d = __builtin_shuffle(planes[3], codes);
  const Bytes ab = low(a, b), cd = low(c, d), ab_high = high(a, b), cd_high = high(c, d);
  const Bytes out[4] = {low_pairs(ab, cd), high_pairs(ab, cd), low_pairs(ab_high, cd_high),
                        high_pairs(ab_high, cd_high)};
  write(out, 4, y);
}

[[gnu::always_inline]] inline void look_up(const Bytes (&planes)[2], Bytes codes, std::uint16_t* y) {
  const Bytes a = __builtin_shuffle(planes[0], codes), b = __builtin_shuffle(planes[1], codes);
  const Bytes out[2] = {low(a, b), high(a, b)};
  write(out, 2, y);
}

/// Even and odd bytes of two vectors.
[[gnu::always_inline]] inline Bytes even(Bytes a, Bytes b) {
  return __builtin_shuffle(a, b, Bytes{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30});
}

[[gnu::always_inline]] inline Bytes odd(Bytes a, Bytes b) {
  return __builtin_shuffle(a, b, Bytes{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31});
}

[[gnu::always_inline]] inline void split(const float (&table)[16], Bytes (&planes)[4]) {
  const Bytes a = load(table), b = load(table + 4), c = load(table + 8), d = load(table + 12);
  const Bytes even_ab = even(a, b), even_cd = even(c, d), odd_ab = odd(a, b), odd_cd = odd(c, d);
  planes[0] = even(even_ab, even_cd);
  planes[1] = even(odd_ab, odd_cd);
  planes[2] = odd(even_ab, even_cd);
  planes[3] = odd(odd_ab, odd_cd);
}

[[gnu::always_inline]] inline void split(const std::uint16_t (&table)[16], Bytes (&planes)[2]) {
  const Bytes a = load(table), b = load(table + 8);
  planes[0] = even(a, b);
  planes[1] = odd(a, b);
}

template <class T>
[[gnu::always_inline]] inline void block_values(const std::uint8_t* packed, const T (&table)[16], T* y) {
  Bytes planes[sizeof(T)];
  split(table, planes);
  for (int half = 0; half < 2; ++half) {
    const Bytes both = load(packed + 16 * half), first = both >> 4, second = both & 15;
    look_up(planes, low(first, second), y + 32 * half);
    look_up(planes, high(first, second), y + 32 * half + 16);
  }
}

#else

template <class T>
[[gnu::always_inline]] inline void block_values(const std::uint8_t* packed, const T (&table)[16], T* y) {
  for (std::int64_t i = 0; i < kNf4Block / 2; ++i) {
    y[2 * i] = table[packed[i] >> 4];
    y[2 * i + 1] = table[packed[i] & 15];
  }
}

#endif

}  // namespace

SCALSELECT_CLONES float largest_magnitude(const float* x, std::int64_t size) {
  constexpr std::int64_t kLanes = 16;
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::int64_t k = 0; k < kLanes; ++k) lanes[k] = std::max(lanes[k], std::fabs(x[i + k]));
  }
  float largest = 0;
  for (; i < size; ++i) largest = std::max(largest, std::fabs(x[i]));
  for (const float lane : lanes) largest = std::max(largest, lane);
  return largest;
}

SCALSELECT_CLONES void nf4_codes(const float* x, float magnitude, std::int64_t size, std::uint8_t* codes) {
  float between[15];
  for (int k = 0; k < 15; ++k) between[k] = (kNf4Values[k] + kNf4Values[k + 1]) / 2.0f;
  const float factor = 1.0f / std::max(magnitude, 1e-38f);
  for (std::int64_t i = 0; i < size; ++i) {
    const float scaled = x[i] * factor;
    std::int32_t code = 0;
    for (const float middle : between) code += scaled > middle ? 1 : 0;
    codes[i] = static_cast<std::uint8_t>(code);
  }
}

SCALSELECT_CLONES void nf4_values(const std::uint8_t* packed, const float* scales, std::int64_t blocks, float* y) {
  for (std::int64_t block = 0; block < blocks; ++block) {
    float table[16];
    for (int k = 0; k < 16; ++k) table[k] = kNf4Values[k] * scales[block];
    block_values(packed + block * (kNf4Block / 2), table, y + block * kNf4Block);
  }
}

SCALSELECT_CLONES void nf4_values(const std::uint8_t* packed, const float* scales, std::int64_t blocks,
                                  std::uint16_t* y) {
  for (std::int64_t block = 0; block < blocks; ++block) {
    std::uint16_t table[16];
    for (int k = 0; k < 16; ++k) table[k] = to_bfloat16(kNf4Values[k] * scales[block]);
    block_values(packed + block * (kNf4Block / 2), table, y + block * kNf4Block);
  }
}

}  // namespace scalselect::vlm::kernels
