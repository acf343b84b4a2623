#include "selector/features.h"

#include <fmt/format.h>

namespace scalselect {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

const char* name_of(TokenRoles roles) { return roles == TokenRoles::kStrict ? "strict" : "compat"; }

const char* name_of(TokenSet tokens) {
  switch (tokens) {
    case TokenSet::kVisual: return "visual";
    case TokenSet::kText: return "text";
    case TokenSet::kUser: return "user";
    case TokenSet::kAssistant: return "assistant";
    case TokenSet::kAll: return "all";
    case TokenSet::kBehindImages: return "behind_images";
  }
  return "";
}

nlohmann::ordered_json describe(const HiddenMeanSpec& spec) {
  nlohmann::ordered_json tree{{"kind", "hidden_mean"},
                              {"layer", spec.layer},
                              {"tokens", name_of(spec.tokens)},
                              {"weights", spec.weights == TokenWeights::kUniform ? "uniform" : "position"}};
  if (spec.state == LayerState::kAttention) tree["state"] = "attention";
  return tree;
}

nlohmann::ordered_json describe(const PooledVisualSpec& spec) {
  nlohmann::ordered_json tree{{"kind", "pooled_visual"}, {"hidden_layer", spec.states.hidden_layer}};
  // With all tokens the attention decides nothing; roles may still decide which tokens are visual.
  if (spec.choice != TokenChoice::kAll) tree["attention_layer"] = spec.states.attention_layer;
  tree["roles"] = name_of(spec.states.roles);
  if (!spec.states.deepstack) tree["deepstack"] = false;
  switch (spec.choice) {
    case TokenChoice::kMass: tree["mass"] = spec.mass; break;
    case TokenChoice::kTopK: tree["top_k"] = spec.top_k; break;
    case TokenChoice::kFraction: tree["fraction"] = spec.fraction; break;
    case TokenChoice::kAll: tree["tokens"] = "all"; break;
  }
  return tree;
}

const char* name_of(SketchKind kind) {
  switch (kind) {
    case SketchKind::kRademacher: return "rademacher";
    case SketchKind::kGaussian: return "gaussian";
    case SketchKind::kSparse: return "sparse";
  }
  return "";
}

nlohmann::ordered_json describe(const ProjectedGradientSpec& spec) {
  nlohmann::ordered_json tree{{"kind", "gradient"},
                              {"step", spec.gradient.step == GradientStep::kPlain ? "plain" : "adam"},
                              {"sketch", name_of(spec.gradient.sketch.kind)},
                              {"dim", spec.gradient.sketch.dim},
                              {"sketch_seed", spec.gradient.sketch.seed}};
  tree.update(describe_point(spec.point));
  return tree;
}

nlohmann::ordered_json describe(const GradientNormSpec& spec) {
  nlohmann::ordered_json tree{{"kind", "gradient_norm"}};
  tree.update(describe_point(spec.point));
  return tree;
}

}  // namespace

const GradientPoint* gradient_point(const FeatureSpec& spec) {
  if (const auto* projected = std::get_if<ProjectedGradientSpec>(&spec)) return &projected->point;
  if (const auto* norm = std::get_if<GradientNormSpec>(&spec)) return &norm->point;
  return nullptr;
}

nlohmann::ordered_json describe_feature(const FeatureSpec& spec) {
  return std::visit(Overloaded{
                        [](const PooledVisualSpec& s) { return describe(s); },
                        [](const HiddenMeanSpec& s) { return describe(s); },
                        [](const TowerMeanSpec&) {
                          return nlohmann::ordered_json{{"kind", "tower_mean"}};
                        },
                        [](const AnswerLossSpec& s) {
                          return nlohmann::ordered_json{{"kind", "answer_loss"}, {"context", s.alone ? "none" : "all"}};
                        },
                        [](const TokenCountSpec&) {
                          return nlohmann::ordered_json{{"kind", "lengths"}};
                        },
                        [](const ProjectedGradientSpec& s) { return describe(s); },
                        [](const GradientNormSpec& s) { return describe(s); },
                    },
                    spec);
}

std::string feature_name(const FeatureSpec& spec) {
  const auto tree = describe_feature(spec);
  std::string options;
  for (const auto& [key, value] : tree.items()) {
    if (key == "kind") continue;
    options += fmt::format("{}{}={}", options.empty() ? "" : ",", key,
                           value.is_string() ? value.get<std::string>() : value.dump());
  }
  const auto kind = tree["kind"].get<std::string>();
  return options.empty() ? kind : fmt::format("{}({})", kind, options);
}

}  // namespace scalselect
