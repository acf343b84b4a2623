// The fine-tuning loop: LoRA on the decoder, projector / embeddings / head in full by option, loss on assistant tokens.
//
//   auto opened = vlm::open_model(folder);
//   auto set = make_training_set(samples, opened.chat, *opened.images, options.max_length);
//   ImageFeatures features(opened.model, opened.images, set, options.feature_cache_mb);
//   auto result = train(opened.model, set, features, options, callbacks, work / "training");
//   vlm::save_adapter(work / "adapter", opened.model, adapter_spec(options, opened.model, folder));
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "trainer/adamw.h"
#include "trainer/dataset.h"
#include "trainer/group.h"
#include "trainer/image_features.h"
#include "trainer/options.h"
#include "vlm/adapter.h"
#include "vlm/vlm.h"

namespace scalselect::trainer {

/// One optimiser step.
struct StepRecord {
  std::int64_t step = 0;        ///< 1-based
  double epoch = 0;             ///< passes over the data after this step
  double loss = 0;              ///< mean negative log-likelihood of the step's supervised tokens, nats
  double learning_rate = 0;     ///< of the step, without projector_lr
  double grad_norm = 0;         ///< before clipping
  std::int64_t tokens = 0;      ///< real tokens of the step (no padding)
  std::int64_t supervised = 0;  ///< targets of the step
  double seconds = 0;  ///< wall time of the step; not part of the checkpoint (0 for steps of earlier processes)
};

struct TrainCallbacks {
  std::function<void(const StepRecord&)> on_step;  ///< after every step of this process; may throw to stop
  bool progress = true;                            ///< a progress line on stderr
  /// After the last step of each epoch (1-based), with AdamW::state, before any checkpoint of that step is written: a
  /// run that is killed here repeats it.
  std::function<void(std::int64_t epoch, const NamedTensors& optimizer)> on_epoch = {};
};

struct TrainResult {
  std::int64_t steps = 0;               ///< all optimiser steps
  std::int64_t resumed_from = 0;        ///< steps that an earlier process had done
  double final_loss = 0;                ///< mean over the last 10 % of the steps (at least one)
  std::vector<StepRecord> history;      ///< every step, those before a resume included
  std::vector<std::string> trained;     ///< names of the trained parameters
  std::int64_t trained_parameters = 0;  ///< scalars
  double seconds = 0;                   ///< wall time of this process's steps
};

/// Number of optimiser steps for `samples` samples with `options`.
std::int64_t total_steps(const TrainOptions& options, std::int64_t samples);

/// The adapter of a run with `options` on `model`, for `vlm::attach_adapter` and `vlm::save_adapter`.
/// With a tied head, train_head means the embedding table.
vlm::AdapterSpec adapter_spec(const TrainOptions& options, const vlm::Vlm& model,
                              const std::string& base_model_path = {});

/// Trains `model` in place: attaches the adapter, freezes the rest, runs the steps; afterwards the model is in
/// evaluation mode, its branches attached, nothing requires grad. With dtype bfloat16 frozen weights of the decoder are
/// left rounded (trainer/bfloat16.h): open the model again to use it in float32. Loss: sum of token losses of all of a
/// step's batches over their number of targets (HF's Trainer >= 4.46). Learning rate, clipping, epochs as HF's Trainer.
///
/// `checkpoint_folder` (may be empty: no checkpoints) holds `train-state.safetensors`, replaced atomically every
/// `checkpoint_every` steps and at the end: trained weights, optimiser, random generator, data position, history. If it
/// exists, training resumes from it and the result is bit-identical to an uninterrupted run on the CPU.
///
/// `group` (null: this process alone): the processes that share the training, all of which call this with the same
/// model, data, options and folder. Each computes its shards of every step (TrainOptions::shards, which their number
/// must divide); process 0 writes the checkpoints, which the others read when they resume. The result has the bits that
/// one process makes of the same shards.
///
/// Deterministic in (model, set, options), whatever the process's number of threads. Seeds torch's default generator.
/// Throws UserError: kDiverged (loss or gradient not finite; names the step; the last checkpoint stays as it is),
/// kUsage (a checkpoint of other options or data; targets that match no module; shards that cannot be), kInput (a
/// damaged checkpoint; processes of a group that disagree), kEnvironment (disk full; a process of the group has ended).
TrainResult train(vlm::Vlm model, const TrainingSet& set, ImageFeatures& features, const TrainOptions& options,
                  const TrainCallbacks& callbacks = {}, const std::filesystem::path& checkpoint_folder = {},
                  TrainingGroup* group = nullptr);

}  // namespace scalselect::trainer
