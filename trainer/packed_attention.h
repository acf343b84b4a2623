// Causal attention within sequences that lie one after another in one, without a mask over all of them and without
// cost across them.
#pragma once

#include <cstdint>
#include <vector>

#include "vlm/libtorch.h"

namespace scalselect::trainer {

/// Sequences laid one after another: sequence i is [starts[i], starts[i + 1]), never empty.
struct Spans {
  explicit Spans(std::vector<std::int64_t> offsets = {0});
  std::int64_t count() const { return static_cast<std::int64_t>(starts.size()) - 1; }
  std::int64_t begin(std::int64_t i) const { return starts[i]; }
  std::int64_t length(std::int64_t i) const { return starts[i + 1] - starts[i]; }
  void to(torch::Device device) { cumulative = cumulative.to(device); }

  std::vector<std::int64_t> starts;
  std::int64_t longest = 0;
  torch::Tensor cumulative;  ///< `starts` as int32
};

/// q [1, heads, T, hd], k and v [1, kv, T, hd] (kv divides heads; consecutive query heads share keys) -> [1, T, heads *
/// hd]: position t attends to the positions of its own sequence up to t. While autocast is on, products are in its
/// type, and so is the result. On the CPU each sequence is one call of ATen's flash kernel, and gradients are written
/// where they belong; on CUDA one kernel with sequence lengths does all (flash for 16-bit types, memory-efficient
/// else); other devices, and head sizes that those do not know, call scaled_dot_product_attention for each sequence.
torch::Tensor packed_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const Spans& spans);

/// The same for chosen queries: q [1, heads, P, hd], those of sequence i being [asked[i], asked[i + 1]) (maybe none);
/// places int64 [P]: of each query in its sequence, the last position that it attends to. -> [1, P, heads * hd].
torch::Tensor packed_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const Spans& spans, const std::vector<std::int64_t>& asked, const torch::Tensor& places);

}  // namespace scalselect::trainer
