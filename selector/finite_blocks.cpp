#include "selector/finite_blocks.h"

#include <algorithm>
#include <bit>
#include <future>
#include <utility>

#include "core/crc32.h"
#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlockValues = std::int64_t{1} << 22;

}  // namespace

std::vector<Unit> units_of(std::int64_t rows, std::int64_t first_number) {
  std::vector<Unit> units;
  for (std::int64_t at = 0; at < rows;) {
    const auto number = (first_number + at) / kUnitRows;
    const auto count = std::min(rows - at, (number + 1) * kUnitRows - first_number - at);
    units.push_back({number, at, count});
    at += count;
  }
  return units;
}

std::int64_t subspace_block_rows(std::int64_t cols) {
  const auto fitting = static_cast<std::uint64_t>(kBlockValues / std::max<std::int64_t>(cols, 1));
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::bit_floor(fitting)), 256, 8192);
}

FiniteBlocks::FiniteBlocks(const RowSource& source, bool digests)
    : source_(source), block_rows_(subspace_block_rows(source.cols())), digests_(digests) {
  const auto rows = std::min(block_rows_, source.rows()), cols = source.cols();
  reading_.resize(rows, cols);
  if (source.rows() > rows) waiting_.resize(rows, cols);
  values_.resize(rows + rows / kChunkRows + 2, cols);
  finite_.resize(static_cast<std::size_t>(rows));
}

void FiniteBlocks::for_each(const Unit& unit, const PrepareChunk& prepare,
                            const std::function<void(FiniteBlock&)>& use) {
  const auto end = unit.first + unit.count, cols = source_.cols();
  digest_ = 0;
  const auto read = [&](std::int64_t first, RowMajorMatrixXf& into) {
    const auto count = std::min(block_rows_, end - first);
    if (count <= 0) return;
    source_.read(first, count, into.data());
    if (!digests_) return;
    const auto bytes = static_cast<std::size_t>(count * cols) * sizeof(float);
    digest_ = crc32_of({reinterpret_cast<const char*>(into.data()), bytes}, digest_);
  };
  read(unit.first, reading_);
  for (auto first = unit.first; first < end; first += block_rows_) {
    // Where the system starts no thread, the block is read when it is asked for.
    auto ahead = std::async(std::launch::async | std::launch::deferred, read, first + block_rows_, std::ref(waiting_));
    const auto count = std::min(block_rows_, end - first);
    FiniteBlock block{first, count, {values_.data(), count, cols}, {finite_.data(), static_cast<std::size_t>(count)}};
    parallel_blocks(count, kChunkRows, [&](std::int64_t begin, std::int64_t stop) {
      for (auto i = begin; i < stop; ++i) {
        auto row = values_.row(i);
        row = reading_.row(i).cast<double>();
        const bool finite = (row - row).sum() == 0;
        finite_[static_cast<std::size_t>(i)] = finite ? 1 : 0;
        if (!finite) row.setZero();
      }
      prepare(begin, values_.middleRows(begin, stop - begin),
              block.finite.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(stop - begin)));
    });
    use(block);
    ahead.get();
    if (first + block_rows_ < end) std::swap(reading_, waiting_);
  }
}

}  // namespace scalselect
