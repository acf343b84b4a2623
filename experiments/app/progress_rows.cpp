#include "experiments/app/progress_rows.h"

#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "core/log.h"

namespace scalselect::app {
namespace {

constexpr std::chrono::seconds kQuiet{2};  // what ends before is not worth a line

class ProgressRows final : public RowSource {
 public:
  ProgressRows(std::shared_ptr<const RowSource> source, std::string label, std::int64_t rows)
      : source_(std::move(source)), label_(std::move(label)), rows_(rows) {}
  std::int64_t rows() const override { return source_->rows(); }
  std::int64_t cols() const override { return source_->cols(); }
  void read(std::int64_t first, std::int64_t count, float* out) const override {
    source_->read(first, count, out);
    const std::lock_guard lock(mutex_);
    if (first < next_) begin_pass();
    next_ = first + count;
    done_ += count;
    if (progress_) return progress_->advance(count);
    if (Clock::now() - begin_ < kQuiet || done_ >= rows_) return;
    progress_.emplace(pass_ == 1 ? label_ : fmt::format("{}, pass {}", label_, pass_), "rows", rows_, done_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  void begin_pass() const {
    progress_.reset();
    begin_ = Clock::now();
    done_ = 0;
    ++pass_;
  }

  std::shared_ptr<const RowSource> source_;
  std::string label_;
  std::int64_t rows_;
  mutable std::mutex mutex_;
  mutable std::optional<Progress> progress_;
  mutable Clock::time_point begin_ = Clock::now();
  mutable std::int64_t next_ = 0, done_ = 0;  ///< the row after those read last; read in this pass
  mutable int pass_ = 1;
};

}  // namespace

std::shared_ptr<const RowSource> with_progress(std::shared_ptr<const RowSource> source, std::string label,
                                               std::int64_t rows) {
  return std::make_shared<ProgressRows>(std::move(source), std::move(label), rows);
}

}  // namespace scalselect::app
