// Seeded random projections of long vectors (Johnson-Lindenstrauss) whose matrix is never stored: its entries are
// functions of (seed, row, column), drawn block by block.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/probes.h"

namespace scalselect {

/// Writes coordinates [first, first + count) of vector `i` to `out`. Called from several threads, for the dense kinds
/// several times for the same coordinates.
using Coordinates = std::function<void(std::int64_t i, std::int64_t first, std::int64_t count, float* out)>;

/// S x for each of `vectors` vectors of `size` coordinates, dim floats each. A vector's result depends neither on the
/// others nor on the number of threads; processors with and without fused multiply-add may round its last bits
/// differently. Dense kinds draw their entries once for all vectors, so pass several.
/// Memory beyond the result: a few hundred kB per thread and 2 kB per vector.
std::vector<std::vector<float>> sketch(const SketchSpec& spec, std::int64_t vectors, std::int64_t size,
                                       const Coordinates& coordinates);

}  // namespace scalselect
