// The processes that train one adapter together: each computes gradients of its share of every step's samples, and all
// make the same update from the sum.
//
// Sums are taken in pairs, always the same ones, so that they do not depend on how many processes there are: with four
// shards, (0 + 1) + (2 + 3), whether one process has all of them, or two have two each, or each of four has one.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trainer/adamw.h"
#include "vlm/libtorch.h"

namespace scalselect::trainer {

class TrainingGroup {
 public:
  virtual ~TrainingGroup() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;  ///< a power of two
  /// `values` becomes the sum over all processes, with the same bits in each: dense, of the same shape and dtype
  /// everywhere, on any device. All processes call it in the same order. Throws UserError(kEnvironment) if a process
  /// has ended.
  virtual void add_up(torch::Tensor& values) = 0;
};

/// The texts of all processes of the group, by rank. All call it at the same point. Throws what add_up throws.
std::vector<std::string> gather(TrainingGroup& group, const std::string& mine);

/// What a process does while it waits for the others. Either may be empty.
struct Waiting {
  std::function<bool()> needless;                ///< asked again and again: is there nothing to do any more?
  std::function<void(const std::string&)> tell;  ///< called with whom it waits for, from the fifth second on
};

/// Meets the other processes and connects to them: process 0 says in the file `meeting` where it can be reached, the
/// others wait for it, on whatever machine that sees the file, and take a place each; if the places of a rank are
/// taken, by another start of the command, a process waits until it is needless. To be called before the work that may
/// fail, so that whoever fails is missed at once. Over TCP: LibTorch's c10d with Gloo, on the network interface that
/// GLOO_SOCKET_IFNAME names, or else the one that the machine's name leads to; gradients on a GPU go through host
/// memory. Null if it is needless. Throws UserError(kEnvironment) if not all are there after `patience`,
/// UserError(kUsage) if `size` is no power of two.
std::unique_ptr<TrainingGroup> meet(const std::filesystem::path& meeting, int rank, int size,
                                    std::chrono::seconds patience, const Waiting& waiting = {});

/// Adds tensors of one shape in pairs as they come: of 2^n, the sum is that of a binary tree over them.
class PairwiseSum {
 public:
  void add(torch::Tensor values);
  /// The sum of all that was added, which is forgotten.
  torch::Tensor take();

 private:
  std::vector<std::pair<torch::Tensor, std::int64_t>> stack_;  ///< sums with how many they hold, largest first
};

/// The gradients of parameters as stretches of one tensor, into which backward passes add.
class FlatGradients {
 public:
  explicit FlatGradients(const NamedTensors& parameters);
  void clear() { flat_.zero_(); }
  torch::Tensor copy() const { return flat_.clone(); }
  void set(const torch::Tensor& values) { flat_.copy_(values); }

 private:
  torch::Tensor flat_;
};

/// What shard `shard` of `shards` computes of a batch: every shards-th sample, so that shards of a batch that is sorted
/// by length cost about the same.
std::vector<std::int64_t> shard_of(std::span<const std::int64_t> batch, int shard, int shards);

/// Throws UserError(kUsage) unless `shards` is a power of two that `processes` divides.
void check_shards(int shards, int processes);

}  // namespace scalselect::trainer
