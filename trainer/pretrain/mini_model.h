// The mini VLM as a configuration, and the initial weights that make its lookups form in minutes.
#pragma once

#include <cstdint>

#include "trainer/pretrain/optimizer.h"
#include "trainer/pretrain/options.h"
#include "vlm/libtorch.h"
#include "vlm/llava.h"

namespace scalselect::pretrain {

/// LLaVA over 48 x 48 pictures and the mini world's vocabulary. The projector reads the last tower block's patches
/// (vision_feature_layer -1), so that no block is unused.
vlm::LlavaConfig mini_config(const MiniShape& shape);

/// Fills every parameter from its own seeded generator: tower linears N(0, 1/sqrt(in)), patch positions N(0, .25), all
/// decoder and projector matrices N(0, .6/sqrt(in)), embeddings N(0, .3), norms 1, biases 0.
void initialise(vlm::LlavaModel& model, std::int64_t seed);

/// In every decoder layer W_k := W_q and W_o := W_v^T (untied from then on): attention starts as search for similar
/// tokens, and what it finds is added in the coordinates in which it was stored.
void match_attention(vlm::LlavaModel& model);

/// First projector layer := R (Sigma + eps)^(-1/2) (f - mean), R a random rotation and Sigma the covariance of the
/// tower's patch features, float [n, d]: all directions that the tower uses reach the decoder with equal strength.
void whiten_projector(vlm::LlavaModel& model, const torch::Tensor& features, std::int64_t seed);

/// Parameters by name, in the order of the model; `tower` / `projector` / `decoder` (embeddings, layers, norm, head)
/// choose which. Only these require gradients afterwards.
NamedTensors select_parameters(vlm::LlavaModel& model, bool tower, bool projector, bool embeddings, bool decoder);

}  // namespace scalselect::pretrain
