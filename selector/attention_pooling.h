// From one sample's visual tokens to one vector: choose the tokens that the instruction attends to, average their
// states.
//
// ScalSelect (arXiv 2602.11636), token selection of section 3; the authors' code: scripts/feature_extract.py.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/probes.h"
#include "selector/features.h"

namespace scalselect {

/// Positions of the kept tokens, most attended first (ties: lower position first). `attention`: V non-negative values
/// on any scale; all zero (no instruction token, or none that looks at the image) counts as all equal.
///
/// kMass: tokens are taken in order until their share of the total is first *larger* than `mass`, that token included;
/// all of them if it never is (mass >= 1). Shares are compared as running sum > mass * total, sums in float64 over the
/// unnormalised float32 values: with V equal values and mass * V a whole number m, m tokens reach the threshold, do not
/// exceed it, and m + 1 are kept (V = 10, mass = 0.9: all 10).
/// `roles == kCompat` repeats the authors' arithmetic instead: shares rounded to float32, running sums to float32.
/// kTopK: min(top_k, V). kFraction: ceil(fraction * V). kAll: every token in sequence order.
/// Asserts V >= 1.
std::vector<std::int32_t> kept_tokens(std::span<const float> attention, const PooledVisualSpec& spec);

/// Unweighted mean of the kept tokens' states, d values. Sums run in float64 over the kept tokens in sequence order and
/// are rounded to float32 once, so the result does not depend on the order of the attention values.
std::vector<float> pool_visual(const EarlyStates& states, const PooledVisualSpec& spec);

}  // namespace scalselect
