#include "selector/rows.h"

#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kRowsAtOnce = 256;

}  // namespace

std::vector<std::int64_t> finite_rows(const Eigen::Ref<const RowMajorMatrixXf>& rows) {
  std::vector<char> finite(static_cast<std::size_t>(rows.rows()));
  parallel_blocks(rows.rows(), kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) finite[static_cast<std::size_t>(i)] = rows.row(i).allFinite();
  });
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < finite.size(); ++i) {
    if (finite[i] != 0) found.push_back(static_cast<std::int64_t>(i));
  }
  return found;
}

Eigen::RowVectorXd sum_of_rows(const Eigen::Ref<const RowMajorMatrixXf>& rows) {
  Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(rows.cols());
  for (Eigen::Index i = 0; i < rows.rows(); ++i) sum += rows.row(i).cast<double>();
  return sum;
}

void scale_to_unit_length(Eigen::Ref<RowMajorMatrixXf> rows) {
  for (auto row : rows.rowwise()) {
    const double length = row.cast<double>().norm();
    if (length > 0) row = (row.cast<double>() * (1 / length)).cast<float>();
  }
}

}  // namespace scalselect
