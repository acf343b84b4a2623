#include "trainer/pretrain/packing.h"

#include <algorithm>

#include "core/check.h"
#include "data/mini/lexicon.h"

namespace scalselect::pretrain {

namespace {

std::int64_t id_of(const std::string& piece) {
  const auto id = mini::piece_id(piece);
  SCALSELECT_CHECK(id && "a fact uses a piece that is not in the lexicon");
  return *id;
}

}  // namespace

PackedFacts pack_facts(const std::vector<mini::Fact>& facts, std::int64_t room) {
  PackedFacts packed;
  for (const auto& fact : facts) {
    SCALSELECT_CHECK(fact.pieces.size() == fact.is_value.size());
    if (packed.ids.size() + fact.pieces.size() > static_cast<std::size_t>(room)) continue;
    const auto segment = static_cast<std::int64_t>(packed.types.size());
    for (std::size_t i = 0; i < fact.pieces.size(); ++i) {
      packed.ids.push_back(id_of(fact.pieces[i]));
      packed.segments.push_back(segment);
      packed.positions.push_back(kPrefixTokens + static_cast<std::int64_t>(i));
      packed.is_value.push_back(i > 0 && fact.is_value[i]);
    }
    packed.types.push_back(fact.type);
  }
  return packed;
}

PackedFacts draw_packed_facts(const mini::Scene& scene, Rng& rng, const PackingOptions& options) {
  mini::FactSampling sampling;
  sampling.facts = options.facts;
  sampling.noise_share = options.noise_share;
  if (options.weights == FactWeights::kLate) sampling.weights = mini::late_weights();
  if (options.weights == FactWeights::kChoice) sampling.weights = mini::choice_weights();
  return pack_facts(mini::sample_facts(scene, rng, sampling), options.tokens);
}

PackedBatch collate(const std::vector<PackedFacts>& packs) {
  const auto batch = static_cast<std::int64_t>(packs.size());
  std::int64_t longest = 0;
  for (const auto& pack : packs) longest = std::max(longest, static_cast<std::int64_t>(pack.ids.size()));
  const std::int64_t length = kPrefixTokens + longest;

  PackedBatch out;
  out.ids = torch::full({batch, length}, id_of("<pad>"), torch::kLong);
  out.positions = torch::zeros({batch, length}, torch::kLong);
  // Segment -1: prefix; -2: padding.
  auto segments = torch::full({batch, length}, -2, torch::kLong);
  std::vector<std::int64_t> rows, targets, types;
  for (std::int64_t b = 0; b < batch; ++b) {
    const auto& pack = packs[static_cast<std::size_t>(b)];
    auto* ids = out.ids.data_ptr<std::int64_t>() + b * length;
    auto* positions = out.positions.data_ptr<std::int64_t>() + b * length;
    auto* segment = segments.data_ptr<std::int64_t>() + b * length;
    for (std::int64_t t = 0; t < kPrefixTokens; ++t) {
      ids[t] = id_of(t == 0 ? "<s>" : "<image>");
      positions[t] = t;
      segment[t] = -1;
    }
    for (std::size_t i = 0; i < pack.ids.size(); ++i) {
      const auto t = kPrefixTokens + static_cast<std::int64_t>(i);
      ids[t] = pack.ids[i];
      positions[t] = pack.positions[i];
      segment[t] = pack.segments[i];
      if (!pack.is_value[i]) continue;
      rows.push_back(b * length + t - 1);
      targets.push_back(pack.ids[i]);
      types.push_back(static_cast<std::int64_t>(pack.types[static_cast<std::size_t>(pack.segments[i])]));
    }
  }
  const auto same = segments.unsqueeze(2) == segments.unsqueeze(1);
  const auto to_prefix = (segments == -1).unsqueeze(1);
  const auto causal = torch::ones({length, length}, torch::kBool).tril();
  out.mask = ((same | to_prefix) & causal).unsqueeze(1).contiguous();
  out.rows = torch::tensor(rows, torch::kLong);
  out.targets = torch::tensor(targets, torch::kLong);
  out.types = torch::tensor(types, torch::kLong);
  return out;
}

}  // namespace scalselect::pretrain
