// The vectors that methods ask for, one row per sample, named so that equal requests share one forward pass and one
// file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/options.h"
#include "core/probes.h"
#include "selector/gradient_features.h"

namespace scalselect {

/// How visual tokens are chosen before they are averaged.
enum class TokenChoice {
  kMass,      ///< smallest set whose attention share first exceeds `mass` (ScalSelect)
  kTopK,      ///< the `top_k` most attended tokens
  kFraction,  ///< the `fraction` most attended share of the tokens, rounded up
  kAll,       ///< every visual token: no instruction conditioning
};

/// ScalSelect's instruction-conditioned early representation; d = decoder width.
struct PooledVisualSpec {
  EarlyStatesSpec states;
  TokenChoice choice = TokenChoice::kMass;
  double mass = 0.9;
  int top_k = 0;
  double fraction = 0.5;
};

/// Mean of the tower's patch features; d = tower width.
struct TowerMeanSpec {};

/// Per row: [sum nll, tokens, mean over turns of the turn's mean nll, sum of error norms]; d = 4.
struct AnswerLossSpec {
  bool alone = false;  ///< each answer after its own header only: neither image nor instruction (IFD)
};

/// Per row: [user tokens, assistant tokens, all text tokens, assistant turns, their characters]; d = 5.
struct TokenCountSpec {};

/// A sketch of the sample's gradient at `point`; d = sketch.dim. Not normalised.
struct ProjectedGradientSpec {
  GradientPoint point;
  GradientSpec gradient;
};

/// L2 norm of the sample's gradient at `point`; d = 1.
struct GradientNormSpec {
  GradientPoint point;
};

using FeatureSpec = std::variant<PooledVisualSpec, HiddenMeanSpec, TowerMeanSpec, AnswerLossSpec, TokenCountSpec,
                                 ProjectedGradientSpec, GradientNormSpec>;

/// The point at which the feature's gradient is taken; null for features of the forward pass.
const GradientPoint* gradient_point(const FeatureSpec& spec);

/// Kind and options as a canonical JSON object; equal requests give equal objects (options that the choice does not use
/// are left out).
nlohmann::ordered_json describe_feature(const FeatureSpec& spec);

/// A short readable name: "pooled_visual(hidden=1,attention=1,mass=0.9)".
std::string feature_name(const FeatureSpec& spec);

/// How the numbers of vectors are kept on disk: float16 keeps 11 significant bits of values up to 65504, bfloat16 8
/// bits of float32's whole range.
enum class StorePrecision { kFloat32, kFloat16, kBfloat16 };
/// "float32", "float16", "bfloat16".
const char* precision_name(StorePrecision precision);

/// Vectors of the samples that could be used. `rows[i]` is the pool row of matrix row i, ascending.
struct FeatureTable {
  std::shared_ptr<const RowSource> vectors;
  std::vector<std::int64_t> rows;
};

}  // namespace scalselect
