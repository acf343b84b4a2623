#include "trainer/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "core/error.h"

namespace scalselect::trainer {

std::vector<std::string> gather(TrainingGroup& group, const std::string& mine) {
  auto lengths = torch::zeros({group.size()}, torch::kInt64);
  lengths[group.rank()] = static_cast<std::int64_t>(mine.size());
  group.add_up(lengths);
  const auto longest = lengths.max().item<std::int64_t>();
  auto bytes = torch::zeros({group.size(), longest}, torch::kUInt8);
  std::copy(mine.begin(), mine.end(), bytes.data_ptr<std::uint8_t>() + group.rank() * longest);
  if (longest > 0) group.add_up(bytes);
  std::vector<std::string> texts;
  for (int rank = 0; rank < group.size(); ++rank) {
    const auto* begin = bytes.const_data_ptr<std::uint8_t>() + rank * longest;
    texts.emplace_back(begin, begin + lengths[rank].item<std::int64_t>());
  }
  return texts;
}

void PairwiseSum::add(torch::Tensor values) {
  std::int64_t count = 1;
  for (; !stack_.empty() && stack_.back().second == count; count *= 2) {
    values = stack_.back().first.add_(values);
    stack_.pop_back();
  }
  stack_.emplace_back(std::move(values), count);
}

torch::Tensor PairwiseSum::take() {
  auto sum = stack_.back().first;
  for (stack_.pop_back(); !stack_.empty(); stack_.pop_back()) sum = stack_.back().first.add_(sum);
  return sum;
}

FlatGradients::FlatGradients(const NamedTensors& parameters) {
  std::int64_t size = 0;
  for (const auto& [name, parameter] : parameters) size += parameter.numel();
  flat_ = torch::zeros({size}, parameters.front().second.options().requires_grad(false));
  std::int64_t begin = 0;
  for (auto [name, parameter] : parameters) {
    parameter.mutable_grad() = flat_.narrow(0, begin, parameter.numel()).view(parameter.sizes());
    begin += parameter.numel();
  }
}

std::vector<std::int64_t> shard_of(std::span<const std::int64_t> batch, int shard, int shards) {
  std::vector<std::int64_t> mine;
  for (auto i = static_cast<std::size_t>(shard); i < batch.size(); i += static_cast<std::size_t>(shards))
    mine.push_back(batch[i]);
  return mine;
}

void check_shards(int shards, int processes) {
  if (!std::has_single_bit(static_cast<unsigned>(shards))) {
    throw UserError(ErrorKind::kUsage, fmt::format("trainer.shards is {}, which is not a power of two.", shards),
                    "Gradients are added in pairs: choose 1, 2, 4, 8, …");
  }
  if (shards % processes == 0) return;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("{} processes cannot share trainings of {} shards.", processes, shards),
                  fmt::format("Start a power of two of them, at most {}, or choose another trainer.shards.", shards));
}

}  // namespace scalselect::trainer
