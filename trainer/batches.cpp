#include "trainer/batches.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"
#include "core/rng.h"

namespace scalselect::trainer {
namespace {

/// Sorts each run of `block` indices by length, longest first.
void sort_blocks(std::vector<std::int64_t>& order, const std::vector<std::int64_t>& lengths, std::int64_t block) {
  const auto size = static_cast<std::int64_t>(order.size());
  for (std::int64_t begin = 0; begin < size; begin += block) {
    const auto end = std::min(size, begin + block);
    std::stable_sort(order.begin() + begin, order.begin() + end,
                     [&](std::int64_t a, std::int64_t b) { return lengths[a] > lengths[b]; });
  }
}

/// Moves the batch with the longest sample to the front.
void longest_first(std::vector<std::vector<std::int64_t>>& batches, const std::vector<std::int64_t>& lengths) {
  const auto longest = [&](const std::vector<std::int64_t>& batch) {
    std::int64_t most = 0;
    for (const auto index : batch) most = std::max(most, lengths[index]);
    return most;
  };
  const auto found = std::max_element(batches.begin(), batches.end(),
                                      [&](const auto& a, const auto& b) { return longest(a) < longest(b); });
  std::iter_swap(batches.begin(), found);
}

}  // namespace

std::vector<std::vector<std::int64_t>> epoch_batches(const std::vector<std::int64_t>& lengths,
                                                     const BatchOptions& options, std::int64_t epoch) {
  Rng rng(static_cast<std::uint64_t>(options.seed), "trainer/epoch-" + std::to_string(epoch));
  const auto size = static_cast<std::int64_t>(lengths.size());
  std::vector<std::int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  rng.shuffle(order);
  if (options.group_by_length) {
    const auto batches = std::clamp<std::int64_t>(size / (4 * options.batch_size), 1, 50);
    sort_blocks(order, lengths, batches * options.batch_size);
  }
  std::vector<std::vector<std::int64_t>> out;
  for (std::int64_t begin = 0; begin < size; begin += options.batch_size) {
    const auto end = std::min<std::int64_t>(size, begin + options.batch_size);
    out.emplace_back(order.begin() + begin, order.begin() + end);
  }
  if (options.group_by_length && !out.empty()) {
    rng.shuffle(out);
    if (epoch == 0) longest_first(out, lengths);
  }
  return out;
}

std::int64_t steps_per_epoch(std::int64_t samples, int batch_size, int accumulation) {
  const auto batches = (samples + batch_size - 1) / batch_size;
  return (batches + accumulation - 1) / accumulation;
}

BatchStream::BatchStream(std::vector<std::int64_t> lengths, BatchOptions options)
    : lengths_(std::move(lengths)), options_(options) {
  SCALSELECT_CHECK(!lengths_.empty());
  seek(0, 0);
}

std::vector<std::vector<std::int64_t>> BatchStream::next(int count) {
  if (at_end()) seek(epoch_ + 1, 0);
  std::vector<std::vector<std::int64_t>> taken;
  while (static_cast<int>(taken.size()) < count && batch_ < batches()) {
    taken.push_back(batches_[batch_++]);
  }
  return taken;
}

void BatchStream::seek(std::int64_t epoch, std::int64_t batch) {
  epoch_ = epoch;
  batches_ = epoch_batches(lengths_, options_, epoch);
  batch_ = batch;
  SCALSELECT_CHECK(batch_ <= batches());
}

}  // namespace scalselect::trainer
