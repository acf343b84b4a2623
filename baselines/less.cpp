// LESS (Xia et al., arXiv 2402.04333; princeton-nlp/LESS): rows whose step of Adam points where a target task's
// gradient points.
//
// score(z) = max over tasks of sum over the warm-up's epochs e of w_e * mean over the task's samples v of
// cos(Adam step_e(z), gradient_e(v)), both sketched. w_e is the mean learning rate of the epoch over the sum of these
// (under linear decay; see all_points). Differs from the authors: tasks come from the target samples' `source` and may
// have any sizes, LoRA is smaller by default (they: rank 128, alpha 512, learning rate 2e-5), and the sketch is sparse
// by default (they: sketch.kind=rademacher).
#include <algorithm>
#include <functional>

#include "baselines/influence.h"
#include "baselines/registry.h"

namespace scalselect {
namespace {

enum class Step { kAuto, kAdam, kPlain };

struct LessOptions {
  Step step = Step::kAuto;
  int task_parts = 1;
  GradientOptions gradients;
  SketchOptions sketch;

  template <class Visitor>
  static void describe(Visitor& v, LessOptions& o) {
    v.choice("step", o.step, {{"auto", Step::kAuto}, {"adam", Step::kAdam}, {"plain", Step::kPlain}},
             "of the pool's rows: Adam's, or the plain gradient; auto: Adam's after a LoRA warm-up");
    v.field("task_parts", o.task_parts, "parts between slashes of a target's source that name its task; 0 = all",
            Range{0, 100});
    v.field("gradients", o.gradients, "weights and warm-up of the gradients");
    v.field("sketch", o.sketch, "projection of the gradients");
  }
};

std::vector<FeatureSpec> specs(const LessOptions& options, GradientStep step) {
  std::vector<FeatureSpec> specs;
  for (const auto& item : all_points(options.gradients)) {
    specs.push_back(ProjectedGradientSpec{item.point, {step, options.sketch.spec()}});
  }
  return specs;
}

SelectionResult select(const LessOptions& options, const MethodInput& input, std::int64_t) {
  const auto tasks = tasks_of(*input.target, options.task_parts);
  const auto points = all_points(options.gradients);
  std::vector<double> influence(input.candidates.size() * tasks.names.size());
  for (std::size_t e = 0; e < points.size(); ++e) {
    const auto means = group_means(input.target->features[e], tasks.rows, "less");
    const auto cosines = mean_cosines(input.features[e], input.candidates, means, "less");
    for (std::size_t i = 0; i < influence.size(); ++i) influence[i] += points[e].weight * cosines[i];
  }
  std::vector<double> best;
  const auto width = static_cast<std::ptrdiff_t>(tasks.names.size());
  for (auto first = influence.begin(); first != influence.end(); first += width)
    best.push_back(*std::max_element(first, first + width));
  SelectionResult result;
  result.scores = by_pool_row(input.candidates, best, input.pool_size);
  result.facts["tasks"] = tasks.names.size();
  return result;
}

Method make(const LessOptions& options) {
  const bool moments = options.gradients.warm_up.share > 0 && options.gradients.weights == GradientWeights::kLora;
  if (options.step == Step::kAdam && !moments) {
    throw UserError(ErrorKind::kUsage, "'method.step' is adam, but without a LoRA warm-up there are no moments.",
                    "Set method.gradients.warm_up.share above 0 and weights to lora, or step to plain.");
  }
  const bool adam = moments && options.step != Step::kPlain;
  return {.needs = specs(options, adam ? GradientStep::kAdam : GradientStep::kPlain),
          .budget_use = BudgetUse::kScores,
          .target_needs = specs(options, GradientStep::kPlain),
          .requires_target = true,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry less_entry() {
  return method_entry("less", "rows whose gradient serves a target task",
                      "warm-up training; E backward passes per row and per target sample (E epochs); time "
                      "O(E N T d), memory O(N T) (T tasks, d = sketch.dim)",
                      "Xia et al., arXiv 2402.04333", make);
}

}  // namespace scalselect
