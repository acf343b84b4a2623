#include "vlm/kv_cache.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace scalselect::vlm {

KvCache::KvCache(std::shared_ptr<const KvCache> past, const std::vector<std::int64_t>& from)
    : keys_(past->keys_.size()), values_(past->keys_.size()), past_(std::move(past)), from_(from) {
  place_rows();
}

void KvCache::place_rows() {
  std::map<std::int64_t, std::int64_t> rows;
  place_.clear();
  most_ = 0;
  for (const auto row : from_) {
    place_.push_back(rows[row]++);
    most_ = std::max(most_, rows[row]);
  }
}

std::pair<torch::Tensor, torch::Tensor> KvCache::append(std::int64_t layer, const torch::Tensor& k,
                                                        const torch::Tensor& v) {
  const auto total = length_ + k.size(2);
  auto grow = [&](torch::Tensor& buffer, const torch::Tensor& like) {
    if (buffer.defined() && buffer.size(2) >= total) return;
    const auto capacity = buffer.defined() ? std::max(total, 2 * buffer.size(2)) : total + 32;
    auto larger = torch::empty({like.size(0), like.size(1), capacity, like.size(3)}, like.options());
    if (buffer.defined()) larger.narrow(2, 0, length_).copy_(buffer.narrow(2, 0, length_));
    buffer = larger;
  };
  grow(keys_[layer], k);
  grow(values_[layer], v);
  keys_[layer].narrow(2, length_, k.size(2)).copy_(k);
  values_[layer].narrow(2, length_, v.size(2)).copy_(v);
  return {keys_[layer].narrow(2, 0, total), values_[layer].narrow(2, 0, total)};
}

std::int64_t KvCache::bytes() const {
  std::int64_t total = 0;
  for (const auto& keys : keys_) total += keys.defined() ? 2 * static_cast<std::int64_t>(keys.nbytes()) : 0;
  return total;
}

void KvCache::select_rows(const torch::Tensor& rows) {
  for (auto* list : {&keys_, &values_}) {
    for (auto& tensor : *list) {
      if (tensor.defined()) tensor = tensor.index_select(0, rows);
    }
  }
  if (!past_) return;
  const auto kept = rows.cpu();
  std::vector<std::int64_t> from;
  for (std::int64_t i = 0; i < kept.size(0); ++i) from.push_back(from_[kept.const_data_ptr<std::int64_t>()[i]]);
  // What no row goes on from any more is still read in every step, so it is left behind once it is the greater part.
  std::vector<std::int64_t> used = from;
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  if (2 * std::ssize(used) <= past_->keys_.front().size(0)) {
    auto smaller = std::make_shared<KvCache>(*past_);
    smaller->select_rows(torch::tensor(used, torch::kInt64).to(rows.device()));
    past_ = std::move(smaller);
    for (auto& row : from) row = std::lower_bound(used.begin(), used.end(), row) - used.begin();
  }
  from_ = std::move(from);
  place_rows();
}

torch::Tensor KvCache::attend(std::int64_t layer, const torch::Tensor& q, const torch::Tensor& k,
                              const torch::Tensor& v, const torch::Tensor& mask) const {
  // Matrix libraries take other code paths, whose last bits differ, for few rows.
  constexpr std::int64_t kLeastRows = 16;
  const auto past_keys = past_->keys(layer), past_values = past_->values(layer);
  const auto batch = q.size(0), width = q.size(3), queries = q.size(2), kv = k.size(1), own = k.size(2);
  const auto shared = past_keys.size(0), past = past_keys.size(2), each = q.size(1) / kv * queries;
  const auto slots =
      std::max(most_, (kLeastRows + each - 1) / each);  // rows for each row of the past, some of them empty
  std::vector<std::int64_t> at;
  for (std::size_t i = 0; i < from_.size(); ++i) at.push_back(from_[i] * slots + place_[i]);
  const auto slot = torch::tensor(at, torch::kInt64).to(q.device());
  // [B, kv, each, n] <-> [shared, kv, slots * each, n], so that one product reads a row of the past for all its rows.
  const auto gathered = [&](const torch::Tensor& rows) {
    auto all = torch::zeros({shared * slots, kv, each, rows.size(3)}, rows.options());
    all.index_copy_(0, slot, rows);
    return all.view({shared, slots, kv, each, -1}).transpose(1, 2).reshape({shared, kv, slots * each, -1});
  };
  const auto scattered = [&](const torch::Tensor& all) {
    return all.view({shared, kv, slots, each, -1})
        .transpose(1, 2)
        .reshape({shared * slots, kv, each, -1})
        .index_select(0, slot);
  };
  const auto grouped = q.reshape({batch, kv, each, width}) * (1.0 / std::sqrt(static_cast<double>(width)));
  const auto bias =
      mask.defined() ? mask : causal_mask(torch::ones({1, own}, slot.options()), queries, q.scalar_type());
  auto own_scores = torch::matmul(grouped, k.transpose(2, 3));
  own_scores = (own_scores.view({batch, kv, -1, queries, own}) + bias.unsqueeze(1)).view({batch, kv, each, own});
  const auto past_scores = torch::matmul(gathered(grouped), past_keys.transpose(2, 3));
  const auto shares =
      torch::softmax(torch::cat({past_scores, gathered(own_scores)}, -1).to(torch::kFloat32), -1).to(v.scalar_type());
  const auto mixed = scattered(torch::matmul(shares.slice(3, 0, past), past_values)) +
                     torch::matmul(scattered(shares.slice(3, past)), v);
  return mixed.view({batch, q.size(1), queries, width}).transpose(1, 2).reshape({batch, queries, q.size(1) * width});
}

namespace {

torch::Tensor additive(const torch::Tensor& allowed, torch::ScalarType dtype) {
  const double lowest = dtype == torch::kBFloat16 ? -3.3895313892515355e38
                        : dtype == torch::kHalf   ? -65504.0
                                                  : static_cast<double>(std::numeric_limits<float>::lowest());
  return torch::zeros(allowed.sizes(), allowed.options().dtype(dtype)).masked_fill(allowed.logical_not(), lowest);
}

}  // namespace

torch::Tensor causal_mask(const torch::Tensor& keep, std::int64_t queries, torch::ScalarType dtype) {
  const auto total = keep.size(1);
  const auto index = torch::arange(total, torch::TensorOptions().dtype(torch::kInt64).device(keep.device()));
  const auto triangle = index.unsqueeze(0) <= index.narrow(0, total - queries, queries).unsqueeze(1);
  return additive(triangle.unsqueeze(0).unsqueeze(0).logical_and(keep.to(torch::kBool).unsqueeze(1).unsqueeze(1)),
                  dtype);
}

}  // namespace scalselect::vlm
