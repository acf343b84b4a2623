// Row-major float matrices that are borrowed, not owned, and sources that deliver them in blocks.
#pragma once

#include <cstdint>
#include <span>

namespace scalselect {

/// A borrowed row-major float32 matrix; rows follow each other without gaps.
struct MatrixView {
  const float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;

  std::span<const float> row(std::int64_t i) const { return {data + i * cols, static_cast<std::size_t>(cols)}; }
};

/// N x d float32 rows that need not fit in memory: a shard folder, an .npz, a vector in RAM.
/// Readers may call `read` from several threads at once.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual std::int64_t rows() const = 0;
  virtual std::int64_t cols() const = 0;
  /// Copies rows [first, first + count) into `out` (count * cols floats). Throws UserError(kInput) on a read error.
  virtual void read(std::int64_t first, std::int64_t count, float* out) const = 0;
};

/// A RowSource over memory that the caller keeps alive.
class MemoryRows final : public RowSource {
 public:
  explicit MemoryRows(MatrixView view) : view_(view) {}
  std::int64_t rows() const override { return view_.rows; }
  std::int64_t cols() const override { return view_.cols; }
  void read(std::int64_t first, std::int64_t count, float* out) const override;

 private:
  MatrixView view_;
};

}  // namespace scalselect
