// Gradients as a stage: the warm-up that they may need, and the probe that takes them.
#pragma once

#include <memory>
#include <optional>

#include "core/artifact_cache.h"
#include "core/probes.h"
#include "experiments/pipeline/stages.h"
#include "selector/gradient_features.h"

namespace scalselect::pipeline {

/// The pool whose rows warm up the model for gradients, whichever pool's gradients are taken.
struct WarmUpPlace {
  const OpenPool* pool;
  const ModelOptions* model;
  std::string model_hash;
};

/// Key of the warm-up's artifact; nothing if `options` ask for none.
std::optional<StageKey> warm_up_key(const GradientOptions& options, const WarmUpPlace& place);

/// Trains it unless the cache holds it. Its folder holds epoch-1/, epoch-2/, ...: each a PEFT adapter and
/// moments.safetensors; rows.txt, the rows that were trained on; train_log.jsonl. Resumable.
StageRecord ensure_warm_up(const GradientOptions& options, const WarmUpPlace& place, const ArtifactCache& cache);

/// The probe of `point`. `warm_up`: folder of its warm-up's artifact; empty without one.
std::unique_ptr<GradientProbe> open_gradients(const GradientPoint& point, const ModelOptions& model,
                                              const std::filesystem::path& warm_up);

}  // namespace scalselect::pipeline
