#include "core/sketch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/check.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "core/target_clones.h"

namespace scalselect {
namespace {

constexpr std::int64_t kColumns = 64;     // columns of the matrix drawn at once
constexpr std::int64_t kSlice = 512;      // rows that one task computes
constexpr std::int64_t kPartial = 4096;   // columns summed in float before they are added in double
constexpr std::int64_t kEntries = 8;      // of a sparse column
constexpr std::int64_t kSparseRun = 512;  // coordinates fetched at once

/// splitmix64 (Steele, Lea and Flood 2014) as a function of a counter: random access to the words of its stream.
class CounterRng {
 public:
  explicit CounterRng(std::int64_t seed) : key_(Rng(static_cast<std::uint64_t>(seed), "core/sketch").bits()) {}
  std::uint64_t operator()(std::int64_t counter) const {
    std::uint64_t z = key_ + static_cast<std::uint64_t>(counter) * 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t key_;
};

/// out[k] = +1 or -1 by bit k of `word`, 64 of them.
SCALSELECT_CLONES void expand_signs(std::uint64_t word, float* __restrict out) {
  const std::array<std::uint32_t, 2> halves = {static_cast<std::uint32_t>(word),
                                               static_cast<std::uint32_t>(word >> 32)};
  for (std::int64_t h = 0; h < 2; ++h) {
    for (std::int64_t k = 0; k < 32; ++k) {
      out[32 * h + k] = (halves[static_cast<std::size_t>(h)] >> k & 1U) != 0 ? 1.0F : -1.0F;
    }
  }
}

/// sums += four columns of kSlice rows times their coordinates.
SCALSELECT_CLONES void add_columns(const float* __restrict columns, const float* x, float* __restrict sums) {
  const float *a = columns, *b = a + kSlice, *c = b + kSlice, *d = c + kSlice;
  for (std::int64_t k = 0; k < kSlice; ++k) sums[k] += (x[0] * a[k] + x[1] * b[k]) + (x[2] * c[k] + x[3] * d[k]);
}

/// Two standard normals from one word (Box and Muller 1958).
std::array<float, 2> normals(std::uint64_t word) {
  const double u = (static_cast<double>(word >> 32) + 0.5) * 0x1p-32;
  const double angle = 2 * std::numbers::pi * (static_cast<double>(word & 0xffffffffU) * 0x1p-32);
  const double radius = std::sqrt(-2 * std::log(u));
  return {static_cast<float>(radius * std::cos(angle)), static_cast<float>(radius * std::sin(angle))};
}

/// Unscaled entries of one column in the rows of [row, row + kSlice) that exist; row is a multiple of kSlice.
void draw_column(const SketchSpec& spec, const CounterRng& words, std::int64_t column, std::int64_t row, float* out) {
  const std::int64_t rows = (spec.dim + kSlice - 1) / kSlice * kSlice;
  const auto end = std::min<std::int64_t>(kSlice, spec.dim - row);
  if (spec.kind == SketchKind::kRademacher) {
    for (std::int64_t k = 0; k < end; k += 64) expand_signs(words((column * rows + row + k) / 64), out + k);
    return;
  }
  for (std::int64_t k = 0; k < end; k += 2) {
    const auto pair = normals(words((column * rows + row + k) / 2));
    out[k] = pair[0];
    out[k + 1] = pair[1];
  }
}

/// Rows [row, row + kSlice) of all results of a dense sketch.
void dense_slice(const SketchSpec& spec, std::int64_t size, const Coordinates& coordinates, std::int64_t row,
                 std::vector<std::vector<float>>& results) {
  const CounterRng words(spec.seed);
  const auto vectors = static_cast<std::int64_t>(results.size());
  std::vector<float> matrix(kColumns * kSlice), partial(static_cast<std::size_t>(vectors * kSlice));
  std::vector<double> sums(partial.size());
  std::array<float, kColumns> x{};
  for (std::int64_t first = 0; first < size; first += kColumns) {
    const auto count = std::min(kColumns, size - first);
    for (std::int64_t c = 0; c < count; ++c) draw_column(spec, words, first + c, row, matrix.data() + c * kSlice);
    for (std::int64_t i = 0; i < vectors; ++i) {
      x.fill(0);
      coordinates(i, first, count, x.data());
      for (std::int64_t c = 0; c < count; c += 4) {
        add_columns(matrix.data() + c * kSlice, x.data() + c, partial.data() + i * kSlice);
      }
    }
    if ((first + kColumns) % kPartial != 0 && first + kColumns < size) continue;
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += partial[k];
    std::fill(partial.begin(), partial.end(), 0.0F);
  }
  const double scale = 1 / std::sqrt(static_cast<double>(spec.dim));
  const auto rows = std::min<std::int64_t>(kSlice, spec.dim - row);
  for (std::int64_t i = 0; i < vectors; ++i) {
    for (std::int64_t k = 0; k < rows; ++k) {
      results[static_cast<std::size_t>(i)][static_cast<std::size_t>(row + k)] =
          static_cast<float>(scale * sums[static_cast<std::size_t>(i * kSlice + k)]);
    }
  }
}

/// Positions of the kEntries entries of a sparse column: entry j in the j-th of kEntries nearly equal parts of the
/// rows.
class SparseColumns {
 public:
  explicit SparseColumns(const SketchSpec& spec) : words_(spec.seed) {
    for (std::int64_t j = 0; j <= kEntries; ++j) starts_[static_cast<std::size_t>(j)] = spec.dim * j / kEntries;
  }

  void add(std::int64_t column, float x, std::vector<double>& sums) const {
    for (std::int64_t j = 0; j < kEntries; j += 2) {
      const auto word = words_(column * (kEntries / 2) + j / 2);
      add_entry(j, static_cast<std::uint32_t>(word), x, sums);
      add_entry(j + 1, static_cast<std::uint32_t>(word >> 32), x, sums);
    }
  }

 private:
  void add_entry(std::int64_t part, std::uint32_t bits, float x, std::vector<double>& sums) const {
    const auto begin = starts_[static_cast<std::size_t>(part)];
    const auto width = static_cast<std::uint64_t>(starts_[static_cast<std::size_t>(part) + 1] - begin);
    const auto row = begin + static_cast<std::int64_t>((bits & 0x7fffffffU) * width >> 31);
    sums[static_cast<std::size_t>(row)] += (bits >> 31) != 0 ? x : -x;
  }

  CounterRng words_;
  std::array<std::int64_t, kEntries + 1> starts_{};
};

void sparse_vector(const SketchSpec& spec, std::int64_t size, const Coordinates& coordinates, std::int64_t i,
                   std::vector<float>& result) {
  const SparseColumns columns(spec);
  std::vector<double> sums(result.size());
  std::array<float, kSparseRun> x{};
  for (std::int64_t first = 0; first < size; first += kSparseRun) {
    const auto count = std::min(kSparseRun, size - first);
    coordinates(i, first, count, x.data());
    for (std::int64_t c = 0; c < count; ++c) {
      // Half of a fresh LoRA's gradient is zero.
      if (x[static_cast<std::size_t>(c)] != 0) columns.add(first + c, x[static_cast<std::size_t>(c)], sums);
    }
  }
  const double scale = 1 / std::sqrt(static_cast<double>(kEntries));
  for (std::size_t k = 0; k < sums.size(); ++k) result[k] = static_cast<float>(scale * sums[k]);
}

}  // namespace

std::vector<std::vector<float>> sketch(const SketchSpec& spec, std::int64_t vectors, std::int64_t size,
                                       const Coordinates& coordinates) {
  SCALSELECT_CHECK(spec.dim >= kEntries);
  std::vector<std::vector<float>> results(static_cast<std::size_t>(vectors),
                                          std::vector<float>(static_cast<std::size_t>(spec.dim)));
  if (spec.kind == SketchKind::kSparse) {
    parallel_blocks(vectors, 1, [&](std::int64_t i, std::int64_t) {
      sparse_vector(spec, size, coordinates, i, results[static_cast<std::size_t>(i)]);
    });
    return results;
  }
  parallel_blocks(spec.dim, kSlice,
                  [&](std::int64_t row, std::int64_t) { dense_slice(spec, size, coordinates, row, results); });
  return results;
}

}  // namespace scalselect
