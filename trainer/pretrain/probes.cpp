#include "trainer/pretrain/probes.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/mini/render.h"
#include "trainer/pretrain/facts_stage.h"
#include "trainer/pretrain/stream.h"

namespace scalselect::pretrain {

namespace {

constexpr std::int64_t kScenesAStep = 64;

/// The probe as a fact whose answer is to be predicted. Greedy decoding gives the answer if and only if each of its
/// tokens is the most likely one after the right ones before it, so one pass over the whole decides.
mini::Fact as_fact(const mini::Probe& probe, bool with_end) {
  mini::Fact fact{probe.type, probe.prompt, std::vector<std::uint8_t>(probe.prompt.size(), 0)};
  fact.pieces.insert(fact.pieces.end(), probe.answer.begin(), probe.answer.end());
  fact.is_value.resize(fact.pieces.size(), 1);
  if (with_end) {
    fact.pieces.emplace_back(".");
    fact.is_value.push_back(1);
  }
  return fact;
}

class Tally {
 public:
  explicit Tally(const ProbeOptions& options) : options_(options), scores_(mini::kFactTypes) {
    for (int i = 0; i < mini::kFactTypes; ++i) scores_[static_cast<std::size_t>(i)].type = mini::FactType(i);
  }

  /// Adds the probes of one more scene to the current batch.
  void add_scene(std::int64_t index) {
    Rng rng(static_cast<std::uint64_t>(options_.seed), fmt::format("pretrain/probes/{}", index));
    const auto scene = mini::sample_scene(rng, mini::SceneType(index % mini::kSceneTypes), mini::Split::kProbe);
    std::vector<mini::Fact> facts;
    for (const auto& probe : mini::lookup_probes(scene, rng)) {
      auto& score = scores_[static_cast<std::size_t>(probe.type)];
      if (score.asked == options_.each) continue;
      ++score.asked;
      score.chance += probe.chance;
      // Only spelled words have an end that must be predicted: every other answer is one token long.
      facts.push_back(as_fact(probe, probe.type == mini::FactType::kWord));
    }
    packs_.push_back(pack_facts(facts, 1 << 20));
    pictures_.push_back(mini::render(scene, rng));
  }

  void answer(vlm::LlavaModel& model) {
    torch::NoGradGuard no_grad;
    const auto batch = collate(packs_);
    const auto features = model->encode_images(to_pixels(pictures_));
    const auto logits = fact_logits(model, features, batch);
    count(batch, (logits.argmax(1) == batch.targets).contiguous());
    packs_.clear();
    pictures_.clear();
  }

  std::vector<ProbeScore> finish() {
    std::vector<ProbeScore> found;
    for (auto score : scores_) {
      if (score.asked == 0) continue;
      score.chance /= static_cast<double>(score.asked);
      found.push_back(score);
    }
    return found;
  }

  bool complete() const {
    return std::all_of(scores_.begin(), scores_.end(),
                       [&](const ProbeScore& score) { return score.asked == options_.each; });
  }

 private:
  /// Predicting rows are ordered by picture and fact, as they were packed.
  void count(const PackedBatch& batch, const torch::Tensor& right) {
    const auto* hit = right.data_ptr<bool>();
    std::size_t row = 0;
    for (const auto& pack : packs_) {
      std::vector<std::uint8_t> all(pack.types.size(), 1);
      for (std::size_t i = 0; i < pack.ids.size(); ++i) {
        if (pack.is_value[i]) all[static_cast<std::size_t>(pack.segments[i])] &= hit[row++];
      }
      for (std::size_t i = 0; i < all.size(); ++i) scores_[static_cast<std::size_t>(pack.types[i])].right += all[i];
    }
    TORCH_CHECK(row == static_cast<std::size_t>(batch.rows.size(0)));
  }

  ProbeOptions options_;
  std::vector<ProbeScore> scores_;
  std::vector<PackedFacts> packs_;
  std::vector<Image> pictures_;
};

}  // namespace

std::vector<ProbeScore> evaluate_probes(vlm::LlavaModel& model, const ProbeOptions& options) {
  Tally tally(options);
  // Some types never occur as probes (records), so completeness cannot be waited for.
  const std::int64_t limit = options.each * mini::kSceneTypes * 3;
  for (std::int64_t index = 0; index < limit && !tally.complete();) {
    for (std::int64_t i = 0; i < kScenesAStep; ++i) tally.add_scene(index++);
    tally.answer(model);
  }
  return tally.finish();
}

nlohmann::ordered_json probes_json(const std::vector<ProbeScore>& scores) {
  nlohmann::ordered_json probes = nlohmann::ordered_json::object();
  bool passed = !scores.empty();
  for (const auto& score : scores) {
    passed = passed && score.share() >= kProbeGate;
    probes[std::string(mini::name(score.type))] = {
        {"asked", score.asked}, {"right", score.right}, {"share", score.share()}, {"chance", score.chance}};
  }
  return {{"gate", kProbeGate}, {"passed", passed}, {"probes", probes}};
}

std::string probes_table(const std::vector<ProbeScore>& scores) {
  std::string text = fmt::format("{:<18}{:>8}{:>8}{:>8}\n", "lookup", "asked", "right", "chance");
  for (const auto& score : scores) {
    text += fmt::format("{:<18}{:>8}{:>7.1f}%{:>7.1f}%{}\n", mini::name(score.type), score.asked, 100 * score.share(),
                        100 * score.chance, score.share() < kProbeGate ? "  below the gate" : "");
  }
  return text;
}

}  // namespace scalselect::pretrain
