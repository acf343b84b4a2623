// A stream of rows in float64, read ahead, in blocks that are the same for any number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/matrix.h"
#include "selector/rows.h"

namespace scalselect {

/// Rows of a source that are summed on their own before they are added to others: those whose numbers have the same
/// quotient by kUnitRows. Numbers ascend; they are the rows' positions, or their places in the whole table of which the
/// source is a part: then a part has the units that the whole has, and their sums are the same to the last bit.
struct Unit {
  std::int64_t number = 0;            ///< of the unit
  std::int64_t first = 0, count = 0;  ///< positions in the source
};
inline constexpr std::int64_t kUnitRows = 65536;

/// Units of rows that are numbered first_number, first_number + 1, ...
std::vector<Unit> units_of(std::int64_t rows, std::int64_t first_number = 0);

/// Rows of a block: a power of two that divides kUnitRows, about 32 MB of float64; a function of the width only.
std::int64_t subspace_block_rows(std::int64_t cols);

/// Rows that one thread casts and prepares at a time, and that stay in its cache meanwhile.
inline constexpr std::int64_t kChunkRows = 128;

/// A block's rows; those with NaN or infinity are zeros.
struct FiniteBlock {
  std::int64_t first = 0;  ///< position of its first row in the source
  std::int64_t count = 0;
  Eigen::Map<RowMajorMatrixXd> rows;  ///< count rows, and room for 2 + count / kChunkRows more behind them
  std::span<const char> finite;       ///< count flags
};

/// What is done to each chunk of rows once they are float64: `begin` is the chunk's place in the block. Called from
/// several threads.
using PrepareChunk =
    std::function<void(std::int64_t begin, Eigen::Ref<RowMajorMatrixXd> rows, std::span<const char> finite)>;

/// Reads the blocks of a unit in order, the next one while the last is used. Memory: 2 blocks of float32, 1 of float64.
/// Throws what the source throws.
class FiniteBlocks {
 public:
  /// `digests`: whether digest() is wanted.
  explicit FiniteBlocks(const RowSource& source, bool digests = false);
  const RowSource& source() const { return source_; }
  /// CRC-32 of the rows, as float32, of the unit that was read last.
  std::uint32_t digest() const { return digest_; }
  void for_each(const Unit& unit, const PrepareChunk& prepare, const std::function<void(FiniteBlock&)>& use);
  /// The same for rows that are needed once: `use` is called from several threads with `rows_at_once` rows of a block,
  /// which it may change and which are gone afterwards, so that they need not leave a thread's cache.
  void for_each_piece(const Unit& unit, std::int64_t rows_at_once, const std::function<void(FiniteBlock&)>& use);

 private:
  /// Calls `use(first, count)` for each block; its rows are in `reading_`.
  void read_blocks(const Unit& unit, const std::function<void(std::int64_t first, std::int64_t count)>& use);
  /// Rows begin ... stop - 1 of the block in float64, at row `at` of `values_`.
  void widen(std::int64_t begin, std::int64_t stop, std::int64_t at);
  std::span<const char> finite(std::int64_t begin, std::int64_t stop) const;

  const RowSource& source_;
  std::int64_t block_rows_;
  bool digests_;
  std::uint32_t digest_ = 0;
  RowMajorMatrixXf reading_, waiting_;
  RowMajorMatrixXd values_;
  std::vector<char> finite_;
};

}  // namespace scalselect
