#include "selector/finite_blocks.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <future>
#include <mutex>
#include <utility>

#include "core/crc32.h"
#include "core/parallel.h"
#include "core/target_clones.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlockValues = std::int64_t{1} << 22;

/// Whether all values are finite; they are copied in any case.
SCALSELECT_CLONES bool widen_row(const float* from, std::int64_t count, double* out) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  std::uint32_t infinite = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    infinite |= (std::bit_cast<std::uint32_t>(from[i]) & kExponent) == kExponent ? 1U : 0U;
    out[i] = static_cast<double>(from[i]);
  }
  return infinite == 0;
}

/// Before they are touched: each small page costs a fault. Advice only.
template <class Matrix>
void ask_for_large_pages(Matrix& matrix) {
  constexpr std::uintptr_t kPage = 4096;
  const auto begin = (reinterpret_cast<std::uintptr_t>(matrix.data()) + kPage - 1) / kPage * kPage;
  const auto end = reinterpret_cast<std::uintptr_t>(matrix.data() + matrix.size()) / kPage * kPage;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

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
  for (auto* block : {&reading_, &waiting_}) ask_for_large_pages(*block);
  ask_for_large_pages(values_);
}

void FiniteBlocks::read_blocks(const Unit& unit,
                               const std::function<void(std::int64_t first, std::int64_t count)>& use) {
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
    use(first, std::min(block_rows_, end - first));
    ahead.get();
    if (first + block_rows_ < end) std::swap(reading_, waiting_);
  }
}

void FiniteBlocks::widen(std::int64_t begin, std::int64_t stop, std::int64_t at) {
  for (auto i = begin; i < stop; ++i, ++at) {
    const bool finite = widen_row(reading_.row(i).data(), reading_.cols(), values_.row(at).data());
    finite_[static_cast<std::size_t>(i)] = finite ? 1 : 0;
    if (!finite) values_.row(at).setZero();
  }
}

std::span<const char> FiniteBlocks::finite(std::int64_t begin, std::int64_t stop) const {
  return std::span(finite_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(stop - begin));
}

void FiniteBlocks::for_each(const Unit& unit, const PrepareChunk& prepare,
                            const std::function<void(FiniteBlock&)>& use) {
  read_blocks(unit, [&](std::int64_t first, std::int64_t count) {
    parallel_blocks(count, kChunkRows, [&](std::int64_t begin, std::int64_t stop) {
      widen(begin, stop, begin);
      prepare(begin, values_.middleRows(begin, stop - begin), finite(begin, stop));
    });
    FiniteBlock block{first, count, {values_.data(), count, source_.cols()}, finite(0, count)};
    use(block);
  });
}

void FiniteBlocks::for_each_piece(const Unit& unit, std::int64_t rows_at_once,
                                  const std::function<void(FiniteBlock&)>& use) {
  // Each thread widens into a place that one before it has warmed; there are as many as pieces of a block.
  std::vector<std::int64_t> places;
  for (std::int64_t at = 0; at < values_.rows(); at += rows_at_once) places.push_back(at);
  std::reverse(places.begin(), places.end());
  std::mutex mutex;
  read_blocks(unit, [&](std::int64_t first, std::int64_t count) {
    parallel_blocks(count, rows_at_once, [&](std::int64_t begin, std::int64_t stop) {
      std::unique_lock lock(mutex);
      const auto at = places.back();
      places.pop_back();
      lock.unlock();
      widen(begin, stop, at);
      FiniteBlock piece{
          first + begin, stop - begin, {values_.row(at).data(), stop - begin, source_.cols()}, finite(begin, stop)};
      use(piece);
      lock.lock();
      places.push_back(at);
    });
  });
}

}  // namespace scalselect
