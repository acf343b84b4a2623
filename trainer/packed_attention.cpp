#include "trainer/packed_attention.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <torch/autograd.h>

#include <algorithm>
#include <limits>

#include "core/check.h"

namespace scalselect::trainer {

Spans::Spans(std::vector<std::int64_t> offsets) : starts(std::move(offsets)) {
  SCALSELECT_CHECK(!starts.empty() && starts[0] == 0);
  for (std::int64_t i = 0; i < count(); ++i) {
    SCALSELECT_CHECK(length(i) > 0);
    longest = std::max(longest, length(i));
  }
  cumulative = torch::tensor(starts, torch::kInt64).to(torch::kInt32);
}

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

/// Which queries belong to which keys.
struct Pairing {
  std::vector<std::int64_t> queries, keys;  // offsets, one more than sequences
  std::vector<torch::Tensor> masks;         // additive, [1, 1, queries, keys] each; none: causal, queries = keys
  std::size_t count() const { return keys.size() - 1; }
  std::optional<torch::Tensor> mask(std::size_t i) const {
    return masks.empty() ? std::nullopt : std::optional<torch::Tensor>(masks[i]);
  }
};

/// One sequence's part of q [1, heads, N, hd], as [group, kv, n, hd]: heads that share keys become a batch.
torch::Tensor part(const torch::Tensor& x, const std::vector<std::int64_t>& offsets, std::size_t i, std::int64_t kv) {
  return x[0].narrow(1, offsets[i], offsets[i + 1] - offsets[i]).unflatten(0, {kv, -1}).transpose(0, 1);
}

/// One sequence's part of k or v [1, kv, N, hd], as [group, kv, n, hd] without a copy for each group.
torch::Tensor shared_part(const torch::Tensor& x, const std::vector<std::int64_t>& offsets, std::size_t i,
                          std::int64_t group, torch::ScalarType type) {
  return x.narrow(2, offsets[i], offsets[i + 1] - offsets[i]).to(type).expand({group, -1, -1, -1});
}

/// [1, heads, N, hd] whose memory is [1, N, heads, hd], as projections write and read it.
torch::Tensor rows_of_heads(const torch::Tensor& like) {
  return torch::empty({1, like.size(2), like.size(1), like.size(3)}, like.options()).transpose(1, 2);
}

/// ATen's backward kernel in bfloat16 takes up to ten times as long as in float32 for short sequences (measured on a
/// processor with AMX); from about this length on the two are equal, and the forward kernel is faster in bfloat16.
constexpr std::int64_t kLeastInBFloat16 = 256;

class CpuAttention : public Function<CpuAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& q, const torch::Tensor& k,
                               const torch::Tensor& v, const std::shared_ptr<const Pairing>& pairs) {
    const auto kv = k.size(1), group = q.size(1) / kv;
    auto out = rows_of_heads(q);
    tensor_list saved = {q, k, v, out};
    for (std::size_t i = 0; i < pairs->count(); ++i) {
      saved.emplace_back();
      if (pairs->queries[i] == pairs->queries[i + 1]) continue;
      const auto type = type_of(q, *pairs, i);
      auto [mixed, logsumexp] = at::_scaled_dot_product_flash_attention_for_cpu(
          part(q, pairs->queries, i, kv).to(type), shared_part(k, pairs->keys, i, group, type),
          shared_part(v, pairs->keys, i, group, type), 0.0, pairs->masks.empty(), pairs->mask(i));
      part(out, pairs->queries, i, kv).copy_(mixed);
      saved.back() = logsumexp;
    }
    context->save_for_backward(saved);
    context->saved_data["pairs"] = torch::IValue::make_capsule(c10::make_intrusive<Holder>(pairs));
    return out.transpose(1, 2).flatten(2);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3];
    const auto pairs = c10::static_intrusive_pointer_cast<Holder>(context->saved_data["pairs"].toCapsule())->pairs;
    const auto kv = k.size(1), group = q.size(1) / kv;
    const auto g = gradients[0].contiguous().view({1, q.size(2), q.size(1), q.size(3)}).transpose(1, 2);
    auto dq = rows_of_heads(q), dk = rows_of_heads(k), dv = rows_of_heads(v);
    const auto put = [&](torch::Tensor& into, std::size_t i, const torch::Tensor& from) {
      auto place = into[0].narrow(1, pairs->keys[i], pairs->keys[i + 1] - pairs->keys[i]);
      if (!from.defined()) place.zero_();
      else if (group == 1) place.copy_(from[0]);
      else place.copy_(from.sum(0));
    };
    for (std::size_t i = 0; i < pairs->count(); ++i) {
      torch::Tensor of_q, of_k, of_v;
      if (pairs->queries[i] != pairs->queries[i + 1]) {
        const auto type = type_of(q, *pairs, i);
        const auto rows = [&](const torch::Tensor& x) { return part(x, pairs->queries, i, kv).to(type); };
        const auto shared = [&](const torch::Tensor& x) { return shared_part(x, pairs->keys, i, group, type); };
        std::tie(of_q, of_k, of_v) = at::_scaled_dot_product_flash_attention_for_cpu_backward(
            rows(g), rows(q), shared(k), shared(v), rows(out), saved[4 + i], 0.0, pairs->masks.empty(), pairs->mask(i));
        part(dq, pairs->queries, i, kv).copy_(of_q);
      }
      put(dk, i, of_k);
      put(dv, i, of_v);
    }
    return {dq, dk, dv, torch::Tensor()};
  }

 private:
  static torch::ScalarType type_of(const torch::Tensor& q, const Pairing& pairs, std::size_t i) {
    const bool narrow = q.scalar_type() == torch::kBFloat16 && pairs.keys[i + 1] - pairs.keys[i] < kLeastInBFloat16;
    return narrow ? torch::kFloat32 : q.scalar_type();
  }
  struct Holder : torch::CustomClassHolder {
    explicit Holder(std::shared_ptr<const Pairing> pairing) : pairs(std::move(pairing)) {}
    std::shared_ptr<const Pairing> pairs;
  };
};

torch::Tensor repeat_heads(const torch::Tensor& x, std::int64_t heads) {
  return x.size(1) == heads ? x : x.repeat_interleave(heads / x.size(1), 1);
}

/// All sequences in one kernel; undefined where CUDA has none for these tensors.
torch::Tensor cuda_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                             const Spans& spans) {
  const auto width = q.size(3);
  const auto& at = spans.cumulative;
  if (width % 8 != 0 || width > 256) return {};
  if (q.scalar_type() == torch::kBFloat16 || q.scalar_type() == torch::kHalf) {
    const auto rows = [](const torch::Tensor& x) { return x[0].transpose(0, 1).contiguous(); };  // [T, heads, hd]
    return std::get<0>(at::_flash_attention_forward(rows(q), rows(k), rows(v), at, at, spans.longest, spans.longest,
                                                    0.0, /*is_causal=*/true, /*return_debug_mask=*/false))
        .flatten(1)
        .unsqueeze(0);
  }
  constexpr std::int64_t kCausal = 1;
  const auto rows = [&](const torch::Tensor& x) { return repeat_heads(x, q.size(1)).transpose(1, 2).contiguous(); };
  return std::get<0>(at::_efficient_attention_forward(rows(q), rows(k), rows(v), std::nullopt, at, at, spans.longest,
                                                      spans.longest, 0.0, kCausal, /*compute_log_sumexp=*/true))
      .flatten(2);
}

std::vector<std::int64_t> lengths(const std::vector<std::int64_t>& offsets) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 1; i < offsets.size(); ++i) out.push_back(offsets[i] - offsets[i - 1]);
  return out;
}

torch::Tensor attention_of_each(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                                const Pairing& pairs) {
  const auto queries = q.split_with_sizes(lengths(pairs.queries), 2);
  const auto keys = k.split_with_sizes(lengths(pairs.keys), 2), values = v.split_with_sizes(lengths(pairs.keys), 2);
  std::vector<torch::Tensor> mixed;
  for (std::size_t i = 0; i < pairs.count(); ++i) {
    if (queries[i].size(2) == 0) continue;
    mixed.push_back(at::scaled_dot_product_attention(queries[i], keys[i], values[i], pairs.mask(i), 0.0,
                                                     pairs.masks.empty(), std::nullopt, k.size(1) != q.size(1)));
  }
  return torch::cat(mixed, 2).transpose(1, 2).flatten(2);
}

torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        std::shared_ptr<const Pairing> pairs) {
  return q.is_cpu() ? CpuAttention::apply(q, k, v, pairs) : attention_of_each(q, k, v, *pairs);
}

/// In the type of products.
torch::Tensor rounded(const torch::Tensor& x) {
  const auto device = x.device().type();
  return at::autocast::is_autocast_enabled(device) ? x.to(at::autocast::get_autocast_dtype(device)) : x;
}

}  // namespace

torch::Tensor packed_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const Spans& spans) {
  const auto query = rounded(q), key = rounded(k), value = rounded(v);
  if (q.is_cuda()) {
    auto mixed = cuda_attention(query, key, value, spans);
    if (mixed.defined()) return mixed;
  }
  return attention(query, key, value, std::make_shared<const Pairing>(Pairing{spans.starts, spans.starts, {}}));
}

torch::Tensor packed_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const Spans& spans, const std::vector<std::int64_t>& asked,
                               const torch::Tensor& places) {
  const auto query = rounded(q);
  Pairing pairs{asked, spans.starts, {}};
  const auto all = torch::arange(spans.longest, places.options());
  for (std::int64_t i = 0; i < spans.count(); ++i) {
    const auto last = places.narrow(0, asked[i], asked[i + 1] - asked[i]).unsqueeze(1);
    const auto hidden = all.narrow(0, 0, spans.length(i)).gt(last);
    // Of any type on the CPU, of the queries' type elsewhere.
    const auto options = q.is_cpu() ? query.options().dtype(torch::kFloat32) : query.options();
    pairs.masks.push_back(torch::zeros(hidden.sizes(), options)
                              .masked_fill_(hidden, -std::numeric_limits<double>::infinity())
                              .unsqueeze(0)
                              .unsqueeze(0));
  }
  return attention(query, rounded(k), rounded(v), std::make_shared<const Pairing>(std::move(pairs)));
}

}  // namespace scalselect::trainer
