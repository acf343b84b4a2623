// The order of samples in batches: seeded, grouped by length, and addressable, so that two numbers are enough to resume
// a run.
#pragma once

#include <cstdint>
#include <vector>

namespace scalselect::trainer {

struct BatchOptions {
  int batch_size = 16;
  bool group_by_length = true;
  std::int64_t seed = 1;
};

/// Batches of one epoch: sample indices, every sample once, the last batch possibly smaller. Depends on (lengths,
/// options, epoch) alone.
/// Without grouping: a random permutation, cut. With grouping: HF's get_length_grouped_indices (random mega-batches of
/// min(N / (4 batch), 50) batches, each sorted by length, descending), after which whole batches are shuffled, so that
/// length does not rise and fall with the step; the batch with the longest sample opens epoch 0 (so that too little
/// memory shows at once).
std::vector<std::vector<std::int64_t>> epoch_batches(const std::vector<std::int64_t>& lengths,
                                                     const BatchOptions& options, std::int64_t epoch);

/// How many optimiser steps one epoch has: ceil(ceil(N / batch) / accumulation).
std::int64_t steps_per_epoch(std::int64_t samples, int batch_size, int accumulation);

/// An endless sequence of batches, epoch after epoch.
class BatchStream {
 public:
  BatchStream(std::vector<std::int64_t> lengths, BatchOptions options);

  /// The next `count` batches, fewer if the epoch ends first (as in HF's Trainer, a step never spans two epochs).
  std::vector<std::vector<std::int64_t>> next(int count);

  /// Position: epoch and number of its batches that were used.
  std::int64_t epoch() const { return epoch_; }
  std::int64_t batch() const { return batch_; }
  std::int64_t batches() const { return static_cast<std::int64_t>(batches_.size()); }  ///< of this epoch
  /// All batches of the epoch were used.
  bool at_end() const { return batch_ == batches(); }
  void seek(std::int64_t epoch, std::int64_t batch);

 private:
  std::vector<std::int64_t> lengths_;
  BatchOptions options_;
  std::int64_t epoch_ = 0, batch_ = 0;
  std::vector<std::vector<std::int64_t>> batches_;
};

}  // namespace scalselect::trainer
