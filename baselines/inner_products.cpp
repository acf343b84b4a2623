#include "baselines/inner_products.h"

#include <cblas.h>

#include "core/parallel.h"

namespace scalselect {

void inner_products(const float* a, std::int64_t m, const float* b, std::int64_t n, std::int64_t d, float* out) {
  const auto rows = static_cast<int>(m), cols = static_cast<int>(n), width = static_cast<int>(d);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, cols, width, 1.0F, a, width, b, width, 0.0F, out, cols);
}

std::vector<double> squared_lengths(MatrixView rows) {
  std::vector<double> squares(static_cast<std::size_t>(rows.rows), 0.0);
  parallel_blocks(rows.rows, 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (const float value : rows.row(i)) squares[static_cast<std::size_t>(i)] += static_cast<double>(value) * value;
    }
  });
  return squares;
}

}  // namespace scalselect
