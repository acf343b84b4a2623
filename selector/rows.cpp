#include "selector/rows.h"

#include <algorithm>

#include "core/check.h"
#include "core/parallel.h"

namespace scalselect {
namespace {

class RowsOf final : public RowSource {
 public:
  RowsOf(std::shared_ptr<const RowSource> all, std::vector<std::int64_t> rows)
      : all_(std::move(all)), rows_(std::move(rows)) {}
  std::int64_t rows() const override { return static_cast<std::int64_t>(rows_.size()); }
  std::int64_t cols() const override { return all_->cols(); }
  void read(std::int64_t first, std::int64_t count, float* out) const override {
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t start = at(first + done);
      std::int64_t run = 1;  // consecutive rows are read at once
      while (done + run < count && at(first + done + run) == start + run) ++run;
      all_->read(start, run, out + done * cols());
      done += run;
    }
  }

 private:
  std::int64_t at(std::int64_t i) const { return rows_[static_cast<std::size_t>(i)]; }

  std::shared_ptr<const RowSource> all_;
  std::vector<std::int64_t> rows_;
};

class RowsAfterRows final : public RowSource {
 public:
  explicit RowsAfterRows(std::vector<std::shared_ptr<const RowSource>> tables) : tables_(std::move(tables)) {
    ends_.push_back(0);
    for (const auto& table : tables_) {
      SCALSELECT_CHECK(table->cols() == tables_.front()->cols());
      ends_.push_back(ends_.back() + table->rows());
    }
  }
  std::int64_t rows() const override { return ends_.back(); }
  std::int64_t cols() const override { return tables_.front()->cols(); }
  void read(std::int64_t first, std::int64_t count, float* out) const override {
    SCALSELECT_CHECK(first >= 0 && first + count <= rows());
    auto table = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), first) - ends_.begin()) - 1;
    for (; count > 0; ++table) {
      const auto here = std::min(count, ends_[table + 1] - first);
      if (here > 0) tables_[table]->read(first - ends_[table], here, out);
      first += here;
      count -= here;
      out += here * cols();
    }
  }

 private:
  std::vector<std::shared_ptr<const RowSource>> tables_;
  std::vector<std::int64_t> ends_;  ///< the row before which the tables end, from 0 on
};

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

std::shared_ptr<const RowSource> rows_after_rows(std::vector<std::shared_ptr<const RowSource>> tables) {
  return std::make_shared<RowsAfterRows>(std::move(tables));
}

std::shared_ptr<const RowSource> some_rows(std::shared_ptr<const RowSource> all, std::vector<std::int64_t> positions) {
  return std::make_shared<RowsOf>(std::move(all), std::move(positions));
}

}  // namespace scalselect
