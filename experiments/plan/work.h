// What the stages of an experiment cost on a model of given sizes: FLOP, memory and disk, from counts alone.
#pragma once

#include <cstdint>

#include "core/probes.h"
#include "experiments/plan/shape.h"

namespace scalselect::plan {

/// A row of the pool on average.
struct RowShape {
  double text = 0;      ///< tokens other than visual ones
  double answers = 0;   ///< of these, training targets
  double pictures = 1;  ///< per row; below 1 if some rows have none
  double visual = 0;    ///< visual tokens of a picture

  double tokens() const { return text + pictures * visual; }
};

/// Decoder layers that a pass for `request` runs through.
std::int64_t depth_of(const SignalRequest& request, const DecoderShape& decoder);

/// One row through a pass for `request`: tower, projector and `depth_of` layers over all tokens (pooled visual states
/// need less: text is not put through the MLP), the head where losses are asked for, and for a lone loss a second pass
/// over the text.
double forward_flop(const ModelShape& model, const RowShape& row, const SignalRequest& request);

/// What training changes.
struct Trained {
  std::int64_t lora = 0;  ///< weights of the branches
  bool projector = false, embeddings = false, head = false;
};

/// Scalars that are trained.
std::int64_t trained_weights(const ModelShape& model, const Trained& trained);

/// How a training uses memory (trainer/options.h).
struct TrainingWay {
  bool bfloat16 = false;          ///< products, so that frozen weights of the decoder's layers are held in it
  std::int64_t checkpointed = 0;  ///< layers that keep one input together and are computed twice; 0 = none are
  bool nf4 = false;               ///< frozen weights of the decoder's layers are held in four bits
};

/// Forward and backward of one row; layers that are recomputed are multiplied once more. Frozen matrices are multiplied
/// twice, for the output and for the gradient of their input; trained ones three times; attention's n^2 part three
/// times. Without the tower, see tower_flop: its outputs are cached for a training if there is room.
double training_flop(const ModelShape& model, const RowShape& row, const Trained& trained, const TrainingWay& way = {});

/// One question: the prompt with its picture, and `new_tokens` that follow, each through all weights of the decoder.
double answer_flop(const ModelShape& model, const RowShape& prompt, double new_tokens);

/// Bytes of the decoder's weights that a new token reads, whatever the size of its batch.
double bytes_per_token(const ModelShape& model, double bytes_per_weight);

/// Memory of a training: weights in float32 (frozen ones of layers perhaps in bfloat16, or in four bits beside the
/// largest matrix dequantised for its product), gradients and AdamW's moments of what is trained, and what one batch
/// keeps for its backward pass, roughly: per token and layer 2 bytes for each input and output of a linear, 16 bytes
/// per channel of the residual stream, and logits of 256 answers. Of layers that are recomputed only one group keeps
/// that at a time, the others a residual stream in float32.
struct TrainingMemory {
  double weights = 0, optimiser = 0, activations = 0;
  double all() const { return weights + optimiser + activations; }
};
TrainingMemory training_memory(const ModelShape& model, const RowShape& row, const Trained& trained, double batch,
                               const TrainingWay& way = {});

}  // namespace scalselect::plan
