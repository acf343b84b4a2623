// The optimiser of pre-training: AdamW, with warm-up and cosine.
#pragma once

#include <cstdint>

#include "trainer/adamw.h"
#include "trainer/pretrain/options.h"

namespace scalselect::pretrain {

using trainer::NamedTensors;

/// Learning rate of step `step` (0-based) of `stage`: linear from 0 over the warm-up, then half a cosine.
double learning_rate(const StageOptions& stage, std::int64_t step);

/// AdamW at the rate passed to `step`: betas 0.9 / 0.98, decay on matrices only, embeddings excepted.
trainer::AdamW make_optimizer(const NamedTensors& parameters, double weight_decay);

}  // namespace scalselect::pretrain
