// Keys and values of earlier positions, and attention to those that several rows of a batch have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// Keys and values of earlier positions, after RoPE. Buffers grow by doubling; rows of a batch share one length, so
/// prompts of different lengths are padded on the left and masked.
///
/// A cache may go on from a `past`: row i continues row from[i] of it. The past is read where it lies, once for all
/// rows that continue it, and is never copied to them; `append`, `length`, `keys` and `values` are of what follows it.
class KvCache {
 public:
  explicit KvCache(std::int64_t layers) : keys_(layers), values_(layers) {}
  /// Rows that go on from `past`, whose rows are all real (no padding); from: one of its rows for each.
  KvCache(std::shared_ptr<const KvCache> past, const std::vector<std::int64_t>& from);

  std::int64_t length() const { return length_; }
  /// Appends [B, kv, S, head_dim] to layer `layer` (0-based) and returns all of it, [B, kv, length + S, head_dim].
  std::pair<torch::Tensor, torch::Tensor> append(std::int64_t layer, const torch::Tensor& k, const torch::Tensor& v);
  /// Memory held, in bytes, the past's not counted.
  std::int64_t bytes() const;
  /// Called once after all layers have appended their S positions.
  void advance(std::int64_t positions) { length_ += positions; }
  /// Drops all but the first `positions` (at most as many as there are).
  void truncate(std::int64_t positions) { length_ = positions; }
  /// Keeps only these rows of the batch (int64 [n], any order, repetitions allowed).
  void select_rows(const torch::Tensor& rows);
  torch::Tensor keys(std::int64_t layer) const { return keys_[layer].narrow(2, 0, length_); }
  torch::Tensor values(std::int64_t layer) const { return values_[layer].narrow(2, 0, length_); }

  bool has_past() const { return past_ != nullptr; }
  /// Attention of q [B, heads, S, head_dim] (after RoPE) to the past and to k, v [B, kv, K, head_dim], which `append`
  /// returned for `layer`. `mask`: additive over k alone, [B or 1, 1, S, K], or undefined: causal. -> [B, S, heads *
  /// head_dim]. Softmax in float32. A row's result does not depend on the other rows.
  torch::Tensor attend(std::int64_t layer, const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                       const torch::Tensor& mask) const;

 private:
  void place_rows();

  std::vector<torch::Tensor> keys_, values_;  // [B, kv, capacity, head_dim]
  std::int64_t length_ = 0;
  std::shared_ptr<const KvCache> past_;
  std::vector<std::int64_t> from_;
  std::vector<std::int64_t> place_;  ///< of each row among those that go on from the same row of the past
  std::int64_t most_ = 0;            ///< rows that go on from one
};

/// Additive mask [B, 1, S, past + S] in `dtype` from int64/bool keep [B, past + S] (1 = real token, 0 = padding):
/// causal and not padding, the most negative finite number elsewhere (a padded row must stay finite).
torch::Tensor causal_mask(const torch::Tensor& keep, std::int64_t queries, torch::ScalarType dtype);

}  // namespace scalselect::vlm
