// Which gradient a feature is made of: the weights it is taken for, and the model at which it is taken.
//
// Gradients are of each sample's mean answer loss with respect to LoRA matrices, in the order A, B of each target,
// targets in model order; or, with weights = full, with respect to a stated set of the model's own parameters.
//
// Before any warm-up B is zero (Hu et al., arXiv 2106.09685): the gradient with respect to A is then zero, and the one
// with respect to B is scaling * (dL/dW) A^T, a random projection of the gradient of the full matrix W. So
// warm_up.share = 0 costs no training and still sees every target matrix. With share > 0 the pipeline first fine-tunes
// the branches on a random share of the candidate pool (rows drawn by `seed`; AdamW, linear decay after a rise over
// 3 % of the steps, gradients clipped at 1, as LESS does) and keeps adapter and Adam moments after every epoch; target
// samples are differentiated at the same point.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/probes.h"

namespace scalselect {

enum class GradientWeights { kLora, kFull };

struct WarmUpOptions {
  double share = 0.05;
  int epochs = 4;
  double learning_rate = 2e-4;
  int batch_size = 32;
  bool train_rest = false;

  template <class Visitor>
  static void describe(Visitor& v, WarmUpOptions& o) {
    v.field("share", o.share, "share of the pool that the warm-up trains on; 0 = gradients at initial LoRA branches",
            Range{0, 1});
    v.field("epochs", o.epochs, "passes over it", Range{1, 1000});
    v.field("learning_rate", o.learning_rate, "peak; falls linearly to 0", Range{0, 100});
    v.field("batch_size", o.batch_size, "samples per step", Range{1, 65536});
    v.field("train_rest", o.train_rest,
            "also train projector, embeddings and head (for models that lack the answers' words)");
  }
};

struct GradientOptions {
  GradientWeights weights = GradientWeights::kLora;
  /// LESS and TIVE: attention projections only.
  std::string pattern = R"(.*language_model\..*\.(q_proj|k_proj|v_proj|o_proj))";
  int rank = 16;
  double alpha = 32;
  std::int64_t seed = 0;
  WarmUpOptions warm_up;

  template <class Visitor>
  static void describe(Visitor& v, GradientOptions& o) {
    v.choice("weights", o.weights, {{"lora", GradientWeights::kLora}, {"full", GradientWeights::kFull}},
             "gradients of LoRA branches, or of the model's own parameters (the warm-up merged into them)");
    v.field("pattern", o.pattern,
            "regular expression: whole names of the modules with branches (lora) or of the parameters (full)");
    v.field("rank", o.rank, "of the branches", Range{1, 65536});
    v.field("alpha", o.alpha, "branches are scaled by alpha / rank", Range{0, 1e6});
    v.field("seed", o.seed, "of initial branches and of the warm-up's rows and order", Range{0, 9e15});
    v.field("warm_up", o.warm_up, "training before gradients are taken");
  }
};

/// Options of a sketch, as methods offer them.
struct SketchOptions {
  SketchKind kind = SketchKind::kSparse;
  int dim = 8192;
  std::int64_t seed = 0;

  template <class Visitor>
  static void describe(Visitor& v, SketchOptions& o) {
    v.choice(
        "kind", o.kind,
        {{"sparse", SketchKind::kSparse}, {"rademacher", SketchKind::kRademacher}, {"gaussian", SketchKind::kGaussian}},
        "random projection: sparse signs (fast), dense signs (the authors'), dense normals");
    v.field("dim", o.dim, "numbers kept of a gradient", Range{8, 1 << 20});
    v.field("seed", o.seed, "of the projection", Range{0, 9e15});
  }
  SketchSpec spec() const { return {kind, dim, seed}; }
};

/// A model state at which gradients are taken.
struct GradientPoint {
  GradientOptions options;
  int epoch = 0;  ///< the end of this epoch of the warm-up; 0 only without a warm-up
};

/// The point after the warm-up's last epoch (or without one).
GradientPoint last_point(const GradientOptions& options);

/// The points after each epoch (the initial one without a warm-up), and the share of each in a sum over them: the mean
/// learning rate of its epoch, scaled to sum 1 (LESS). Under linear decay epoch e of E has 2 (E - e) + 1 parts.
struct WeightedPoint {
  GradientPoint point;
  double weight = 1;
};
std::vector<WeightedPoint> all_points(const GradientOptions& options);

/// What distinguishes two points, flat: weights, pattern, rank, ..., epoch.
nlohmann::ordered_json describe_point(const GradientPoint& point);

/// What distinguishes two warm-ups; null without one.
nlohmann::ordered_json describe_warm_up(const GradientOptions& options);

}  // namespace scalselect
