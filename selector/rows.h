// Reading the rows of a RowSource block by block, and what every reader needs of them, as Eigen's matrices.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/matrix.h"

namespace scalselect {

using RowMajorMatrixXf = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using RowMajorMatrixXd = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
/// Borrowed rows, without gaps.
using ConstRows = Eigen::Map<const RowMajorMatrixXf>;
using ConstRowsXd = Eigen::Map<const RowMajorMatrixXd>;

inline ConstRows as_matrix(MatrixView view) { return {view.data, view.rows, view.cols}; }

inline std::span<const float> row_span(const ConstRows& rows, std::int64_t i) {
  return {rows.data() + i * rows.cols(), static_cast<std::size_t>(rows.cols())};
}

/// Calls `use(first, block)` for each block of the source in order; `block`, a ConstRows of rows
/// first, first + 1, ... (`block_rows` of them, the last block perhaps fewer), is only valid during the call.
template <class Use>
void for_each_block(const RowSource& source, std::int64_t block_rows, const Use& use) {
  RowMajorMatrixXf block(std::min(block_rows, source.rows()), source.cols());
  for (std::int64_t first = 0; first < source.rows(); first += block_rows) {
    const auto count = std::min(block_rows, source.rows() - first);
    source.read(first, count, block.data());
    use(first, ConstRows(block.data(), count, source.cols()));
  }
}

/// The rows of `all` at `positions`, in that order.
std::shared_ptr<const RowSource> some_rows(std::shared_ptr<const RowSource> all, std::vector<std::int64_t> positions);

/// The rows of tables of one width, one table after the other.
std::shared_ptr<const RowSource> rows_after_rows(std::vector<std::shared_ptr<const RowSource>> tables);

/// Positions of the rows without NaN or infinity, ascending.
std::vector<std::int64_t> finite_rows(const Eigen::Ref<const RowMajorMatrixXf>& rows);

/// Their sum in float64, added one after the other.
Eigen::RowVectorXd sum_of_rows(const Eigen::Ref<const RowMajorMatrixXf>& rows);

/// Scales each row to length 1, computed in float64; a row of zeros stays zero. A single row: `rows.row(i)`, or a Map
/// of 1 x d.
void scale_to_unit_length(Eigen::Ref<RowMajorMatrixXf> rows);

}  // namespace scalselect
