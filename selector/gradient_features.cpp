#include "selector/gradient_features.h"

namespace scalselect {

GradientPoint last_point(const GradientOptions& options) { return all_points(options).back().point; }

std::vector<WeightedPoint> all_points(const GradientOptions& options) {
  if (options.warm_up.share == 0) return {{{options, 0}, 1}};
  const int epochs = options.warm_up.epochs;
  std::vector<WeightedPoint> points;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    points.push_back({{options, epoch}, (2.0 * (epochs - epoch) + 1) / (static_cast<double>(epochs) * epochs)});
  }
  return points;
}

nlohmann::ordered_json describe_warm_up(const GradientOptions& options) {
  if (options.warm_up.share == 0) return nullptr;
  auto tree = dump_options(options.warm_up);
  tree["rank"] = options.rank;
  tree["alpha"] = options.alpha;
  tree["seed"] = options.seed;
  // Full gradients are taken of a model whose default branches were warmed up and merged.
  tree["pattern"] = options.weights == GradientWeights::kLora ? options.pattern : GradientOptions{}.pattern;
  return tree;
}

nlohmann::ordered_json describe_point(const GradientPoint& point) {
  const auto& options = point.options;
  const bool lora = options.weights == GradientWeights::kLora;
  nlohmann::ordered_json tree{{"weights", lora ? "lora" : "full"}, {"pattern", options.pattern}};
  const auto warm_up = describe_warm_up(options);
  if (!warm_up.is_null()) {
    for (const auto& [key, value] : warm_up.items()) {
      if (key != "pattern") tree[key] = value;
    }
    tree["epoch"] = point.epoch;
  } else if (lora) {
    tree["rank"] = options.rank;
    tree["alpha"] = options.alpha;
    tree["seed"] = options.seed;
  }
  return tree;
}

}  // namespace scalselect
