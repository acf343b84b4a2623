// Can the model look things up? Held-out scenes with one question in fact form each: the quality gate of a checkpoint.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/mini/facts.h"
#include "vlm/llava.h"

namespace scalselect::pretrain {

/// Share of correct answers that every lookup needs.
inline constexpr double kProbeGate = 0.9;

struct ProbeScore {
  mini::FactType type{};
  std::int64_t asked = 0, right = 0;
  double chance = 0;  ///< mean over the questions
  double share() const { return asked ? static_cast<double>(right) / static_cast<double>(asked) : 0; }
};

struct ProbeOptions {
  std::int64_t seed = 7;
  std::int64_t each = 200;  ///< scenes per lookup
};

/// Scores of every lookup type, in FactType order, on scenes of Split::kProbe. An answer is right if greedy decoding
/// after the prompt gives all of it and, for spelled words, '.'. The model must have tower and head; it is not changed.
std::vector<ProbeScore> evaluate_probes(vlm::LlavaModel& model, const ProbeOptions& options);

/// {"gate": .9, "passed": .., "probes": {"shape_color": {"asked", "right", "share", "chance"}, ...}}
nlohmann::ordered_json probes_json(const std::vector<ProbeScore>& scores);

/// A table for people, one line per lookup, with those below the gate marked.
std::string probes_table(const std::vector<ProbeScore>& scores);

}  // namespace scalselect::pretrain
