// What the project knows of each kind of feature: one row per kind in feature_kinds.cpp, reached through these
// functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/probes.h"
#include "selector/features.h"

namespace scalselect {

/// The signals of a forward pass that together serve all `specs`, equal requests once. Gradients ask for none.
SignalRequest request_for(std::span<const FeatureSpec> specs);

/// What one backward pass must give to serve all `specs` (gradients at one point), equal requests once.
GradientRequest gradient_request_for(std::span<const FeatureSpec> specs);

/// Width of a forward pass's feature under this model; of a gradient.
std::int64_t feature_width(const FeatureSpec& spec, const FeatureProbe& probe);
std::int64_t gradient_width(const FeatureSpec& spec);

/// The vector of `spec` from what a probe returned; `request` must be request_for (gradient_request_for) of specs that
/// include `spec`.
std::vector<float> vector_of(const FeatureSpec& spec, const SignalRequest& request, const SampleSignals& signals);
std::vector<float> vector_of(const FeatureSpec& spec, const GradientRequest& request, const SampleGradients& gradients);

/// Why this sample has no vector of this kind, or an empty string.
std::string reject_reason(const FeatureSpec& spec, const SampleSignals& signals);

/// What a store of the feature holds where `asked` is wanted: float32 of kinds whose values 16 bits would spoil,
/// counts, sums of losses and norms.
StorePrecision stored_precision(const FeatureSpec& spec, StorePrecision asked);

/// Whether rows are points of a space, such as a feature file holds, and not counts, losses or gradients.
bool is_representation(const FeatureSpec& spec);

/// Whether the model runs for it; false: its tokenizer is enough.
bool needs_forward_pass(const FeatureSpec& spec);

}  // namespace scalselect
