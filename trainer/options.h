// Options of one fine-tuning run, with the names and defaults that the LoRA recipes of PEFT and HF's Trainer use.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"

namespace scalselect::trainer {

/// Where LoRA branches go and how large they are (PEFT's LoraConfig).
struct LoraOptions {
  int r = 16;
  double alpha = 32;  ///< the branch is scaled by alpha / r
  double dropout = 0;
  bool use_rslora = false;                  ///< alpha / sqrt(r) instead
  std::vector<std::string> target_modules;  ///< suffixes, as PEFT matches them; used if target_pattern is empty
  /// Regular expression over whole module names, as PEFT takes it. Default: all linears of the decoder.
  std::string target_pattern = R"(.*language_model\..*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj))";

  template <class Visitor>
  static void describe(Visitor& v, LoraOptions& o) {
    v.field("r", o.r, "rank; 0 = no LoRA", Range{0, 65536});
    v.field("alpha", o.alpha, "scale of the branch is alpha / r", Range{0, 1e6});
    v.field("dropout", o.dropout, "dropout on the branch's input", Range{0, 0.999});
    v.field("use_rslora", o.use_rslora, "scale alpha / sqrt(r)");
    v.field("target_modules", o.target_modules, "module name suffixes; used if target_pattern is empty");
    v.field("target_pattern", o.target_pattern, "regular expression over whole module names");
  }
};

enum class Schedule { kCosine, kLinear, kConstant };
enum class ComputeType { kFloat32, kBFloat16 };
enum class Quantization { kNone, kNf4 };

/// Defaults: the mini world's recipe; real models' recipes are configurations.
struct TrainOptions {
  LoraOptions lora;
  bool train_projector = true;   ///< in full
  bool train_embeddings = true;  ///< in full
  bool train_head = true;        ///< in full; with a tied head this is the embedding table

  double learning_rate = 2e-3;
  std::optional<double> projector_lr;  ///< unset: learning_rate
  double weight_decay = 0;             ///< decoupled; never on biases and norms
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  Schedule schedule = Schedule::kCosine;
  double warmup_ratio = 0.05;  ///< share of all steps, rounded up
  double max_grad_norm = 1.0;  ///< 0 = no clipping

  int batch_size = 16;
  int accumulation = 1;  ///< batches per step
  /// Parts of every batch whose gradients are added in pairs: as many processes, or a smaller power of two, may share
  /// the training, and it has the same bits in all cases. A power of two.
  int shards = 1;
  double epochs = 3;
  std::optional<std::int64_t> max_steps;  ///< overrides epochs and cycles over the data: the equal-steps control
  bool group_by_length = true;
  int max_length = 2048;  ///< tokens of a sample, image tokens included; the rest is cut off

  std::int64_t seed = 1;
  ComputeType dtype = ComputeType::kFloat32;  ///< of matrix products; trained weights stay in float32
  /// How the decoder's frozen linear layers are held (QLoRA, arXiv:2305.14314): kNf4 = four bits, scales in eight bits,
  /// as bitsandbytes' nf4 with double quantisation. Embeddings, head, projector and tower are never quantised.
  Quantization quantization = Quantization::kNone;
  /// Threads inside operators on the CPU. Sums are split among them, so the last bits of the result depend on it: it is
  /// an option of the training, not of the machine. (Images are read and encoded by all available threads.)
  int threads = 1;
  int gradient_checkpointing = 0;        ///< layers that keep only their input until the backward pass; 0 = keep all
  std::int64_t checkpoint_every = 100;   ///< steps; 0 = only at the end
  std::int64_t feature_cache_mb = 4096;  ///< room for the tower's features; beyond it they are computed per batch

  template <class Visitor>
  static void describe(Visitor& v, TrainOptions& o) {
    v.field("lora", o.lora, "low-rank adapters");
    v.field("train_projector", o.train_projector, "train the projector in full");
    v.field("train_embeddings", o.train_embeddings, "train the embedding table in full");
    v.field("train_head", o.train_head, "train the output head in full");
    v.field("learning_rate", o.learning_rate, "peak learning rate", Range{0, 100});
    v.field("projector_lr", o.projector_lr, "peak learning rate of the projector; null = learning_rate", Range{0, 100});
    v.field("weight_decay", o.weight_decay, "decoupled weight decay of matrices", Range{0, 100});
    v.field("beta1", o.beta1, "AdamW's decay of the first moment", Range{0, 0.9999999});
    v.field("beta2", o.beta2, "AdamW's decay of the second moment", Range{0, 0.9999999});
    v.field("eps", o.eps, "AdamW's epsilon", Range{0, 1});
    v.choice("schedule", o.schedule,
             {{"cosine", Schedule::kCosine}, {"linear", Schedule::kLinear}, {"constant", Schedule::kConstant}},
             "schedule of the learning rate after warm-up");
    v.field("warmup_ratio", o.warmup_ratio, "share of the steps with a rising rate", Range{0, 1});
    v.field("max_grad_norm", o.max_grad_norm, "gradients are clipped to this global norm; 0 = never", Range{0, 1e9});
    v.field("batch_size", o.batch_size, "samples per batch: of a forward pass, unless they are cut into shards",
            Range{1, 65536});
    v.field("accumulation", o.accumulation, "batches per step", Range{1, 65536});
    v.field("shards", o.shards,
            "parts of a batch, each with a forward pass of its own: as many processes may share the training",
            Range{1, 65536});
    v.field("epochs", o.epochs, "passes over the data; may be a fraction", Range{0, 1e6});
    v.field("max_steps", o.max_steps, "steps in all, whatever the epochs; null = by epochs", Range{1, 1e12});
    v.field("group_by_length", o.group_by_length, "samples of similar length share a batch");
    v.field("max_length", o.max_length, "tokens of a sample, image tokens included", Range{2, 1e7});
    v.field("seed", o.seed, "of initial adapters, dropout and data order");
    v.choice("dtype", o.dtype, {{"float32", ComputeType::kFloat32}, {"bfloat16", ComputeType::kBFloat16}},
             "of matrix products; trained weights and the optimiser stay in float32");
    v.choice("quantization", o.quantization, {{"none", Quantization::kNone}, {"nf4", Quantization::kNf4}},
             "of the decoder's frozen linear layers: nf4 = 4 bits with double quantisation (QLoRA)");
    v.field("threads", o.threads, "threads inside operators on the CPU; part of the result's identity", Range{1, 1024});
    v.field("gradient_checkpointing", o.gradient_checkpointing,
            "decoder layers that keep only their first input and are computed again for their gradients; 0 = none",
            Range{0, 4096});
    v.field("checkpoint_every", o.checkpoint_every, "steps between checkpoints; 0 = only at the end", Range{0, 1e12});
    v.field("feature_cache_mb", o.feature_cache_mb, "room for cached image features, MiB", Range{0, 1e9});
  }
};

/// Options that leave the result as it is, to the last bit.
inline constexpr std::array kWithoutEffect = {"checkpoint_every", "feature_cache_mb", "gradient_checkpointing"};

}  // namespace scalselect::trainer
