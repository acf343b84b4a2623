// Options of the mini VLM's pre-training: the sizes of the model and the length and learning rate of every stage.
#pragma once

#include <cstdint>

#include "core/options.h"

namespace scalselect::pretrain {

/// Sizes of a LLaVA-shaped model for 48 x 48 pictures. The vocabulary is the mini world's.
struct MiniShape {
  int tower_hidden = 192, tower_layers = 4, tower_heads = 6, tower_mlp = 576;
  int text_hidden = 192, text_layers = 4, text_heads = 6, text_mlp = 512;

  template <class Visitor>
  static void describe(Visitor& v, MiniShape& o) {
    const Range positive{1, 4096};
    v.field("tower_hidden", o.tower_hidden, "width of the vision tower", positive);
    v.field("tower_layers", o.tower_layers, "blocks of the vision tower", positive);
    v.field("tower_heads", o.tower_heads, "attention heads of the vision tower", positive);
    v.field("tower_mlp", o.tower_mlp, "inner width of the tower's MLP", positive);
    v.field("text_hidden", o.text_hidden, "width of the decoder", positive);
    v.field("text_layers", o.text_layers, "layers of the decoder", positive);
    v.field("text_heads", o.text_heads, "attention heads of the decoder", positive);
    v.field("text_mlp", o.text_mlp, "inner width of the decoder's MLP", positive);
  }
};

/// Length and learning rate of one stage.
struct StageOptions {
  std::int64_t images = 0;  ///< pictures seen; each is new
  int batch = 32;           ///< pictures per step
  double lr = 1e-3;         ///< peak, after a linear warm-up; then cosine
  double warmup = 0.05;     ///< share of the steps
  double final_lr = 0.02;   ///< share of the peak at the end
  double weight_decay = 0.0;

  std::int64_t steps() const { return (images + batch - 1) / batch; }

  template <class Visitor>
  static void describe(Visitor& v, StageOptions& o) {
    v.field("images", o.images, "pictures seen, each of them new", Range{1, 1e9});
    v.field("batch", o.batch, "pictures per step", Range{1, 4096});
    v.field("lr", o.lr, "peak learning rate", Range{0, 1});
    v.field("warmup", o.warmup, "share of the steps with a rising rate", Range{0, 1});
    v.field("final_lr", o.final_lr, "share of the peak rate at the end of the cosine", Range{0, 1});
    v.field("weight_decay", o.weight_decay, "decoupled weight decay of matrices", Range{0, 1});
  }
};

enum class FactWeights { kEven, kLate, kChoice };

/// Facts of a picture in one packed sequence.
struct PackingOptions {
  int facts = 24;            ///< drawn per picture; those that do not fit are left out
  int tokens = 128;          ///< room for facts after the picture
  double noise_share = 0.0;  ///< facts with neutral words before them and between key and value
  FactWeights weights = FactWeights::kEven;

  template <class Visitor>
  static void describe(Visitor& v, PackingOptions& o) {
    v.field("facts", o.facts, "facts drawn per picture", Range{1, 1000});
    v.field("tokens", o.tokens, "room for facts after the picture, in tokens", Range{16, 4096});
    v.field("noise_share", o.noise_share, "share of facts that get neutral words", Range{0, 1});
    v.choice(
        "weights", o.weights,
        {{"even", FactWeights::kEven}, {"late", FactWeights::kLate}, {"choice", FactWeights::kChoice}},
        "how types of facts are balanced: for a beginner, for a model that knows the attributes, for one that knows "
        "everything but option letters");
  }
};

struct PretrainOptions {
  std::int64_t seed = 7;
  MiniShape shape;
  StageOptions tower{96'000, 32, 1.5e-3, 0.05, 0.02, 0.01};
  StageOptions alignment{9'600, 32, 3e-3, 0.05, 0.1, 0.0};
  StageOptions facts_plain{24'000, 32, 2e-3, 0.05, 0.1, 0.01};
  StageOptions facts_noise{72'000, 32, 1.5e-3, 0.03, 0.01, 0.01};
  StageOptions facts_choice{28'000, 32, 1e-3, 0.05, 0.01, 0.01};
  PackingOptions packing_plain{24, 128, 0.0, FactWeights::kEven};
  PackingOptions packing_noise{20, 160, 0.7, FactWeights::kLate};
  PackingOptions packing_choice{20, 160, 0.5, FactWeights::kChoice};
  bool bfloat16 = false;                 ///< matrix products in bfloat16: pays on CPUs with AMX only
  std::int64_t checkpoint_every = 250;   ///< steps between checkpoints inside a stage
  std::int64_t probes_each = 200;        ///< held-out scenes per lookup
  std::int64_t whitening_images = 4096;  ///< pictures from which the projector's whitening is estimated

  template <class Visitor>
  static void describe(Visitor& v, PretrainOptions& o) {
    v.field("seed", o.seed, "of scenes, pictures, facts and initial weights");
    v.field("shape", o.shape, "sizes of the model");
    v.field("tower", o.tower, "stage 0: the tower learns to name the contents of every patch");
    v.field("alignment", o.alignment, "projector and embeddings alone: a patch's words by the embedding table");
    v.field("facts_plain", o.facts_plain, "decoder on packed facts without neutral words");
    v.field("facts_noise", o.facts_noise, "decoder on packed facts with neutral words");
    v.field("facts_choice", o.facts_choice, "decoder on packed facts, most of them with option letters");
    v.field("packing_plain", o.packing_plain, "facts per picture in the first phase");
    v.field("packing_noise", o.packing_noise, "facts per picture in the second phase");
    v.field("packing_choice", o.packing_choice, "facts per picture in the third phase");
    v.field("bfloat16", o.bfloat16, "matrix products in bfloat16, weights and optimiser in float32");
    v.field("checkpoint_every", o.checkpoint_every, "steps between checkpoints inside a stage", Range{1, 1e9});
    v.field("probes_each", o.probes_each, "held-out scenes per lookup probe", Range{1, 1e6});
    v.field("whitening_images", o.whitening_images, "pictures from which the projector's whitening is estimated",
            Range{1, 1e6});
  }
};

}  // namespace scalselect::pretrain
