#include "selector/feature_kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "core/check.h"
#include "selector/attention_pooling.h"

namespace scalselect {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
void add_once(std::vector<T>& list, const T& item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

template <class T>
std::size_t place_of(const std::vector<T>& list, const T& item) {
  const auto found = std::find(list.begin(), list.end(), item);
  SCALSELECT_CHECK(found != list.end());
  return static_cast<std::size_t>(found - list.begin());
}

const char* name_of(TokenRoles roles) { return roles == TokenRoles::kStrict ? "strict" : "compat"; }

const char* name_of(TokenSet tokens) {
  switch (tokens) {
    case TokenSet::kVisual: return "visual";
    case TokenSet::kText: return "text";
    case TokenSet::kUser: return "user";
    case TokenSet::kAssistant: return "assistant";
    case TokenSet::kAll: return "all";
    case TokenSet::kAfterImages: return "behind_images";
  }
  return "";
}

const char* name_of(SketchKind kind) {
  switch (kind) {
    case SketchKind::kRademacher: return "rademacher";
    case SketchKind::kGaussian: return "gaussian";
    case SketchKind::kSparse: return "sparse";
  }
  return "";
}

/// The row of a kind. Without a general definition: a kind that is missing here does not compile.
template <class Spec>
struct Kind;

/// What most kinds of a forward pass have in common.
struct ForwardKind {
  static constexpr bool kGradient = false, kFloat32 = false, kRepresentation = false, kForwardPass = true;
  static std::string reject(const auto& /*spec*/, const SampleSignals& /*signals*/) { return ""; }
};

struct GradientKind {
  static constexpr bool kGradient = true, kRepresentation = false, kForwardPass = true;
};

template <>
struct Kind<PooledVisualSpec> : ForwardKind {
  static constexpr bool kRepresentation = true;
  static Json describe(const PooledVisualSpec& spec) {
    Json tree{{"kind", "pooled_visual"}, {"hidden_layer", spec.states.hidden_layer}};
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
  static void request(const PooledVisualSpec& spec, SignalRequest& request) { add_once(request.early, spec.states); }
  static std::int64_t width(const PooledVisualSpec&, const FeatureProbe& probe) { return probe.hidden_size(); }
  static std::vector<float> vector(const PooledVisualSpec& spec, const SignalRequest& request,
                                   const SampleSignals& signals) {
    return pool_visual(signals.early[place_of(request.early, spec.states)], spec);
  }
};

template <>
struct Kind<HiddenMeanSpec> : ForwardKind {
  static constexpr bool kRepresentation = true;
  static Json describe(const HiddenMeanSpec& spec) {
    Json tree{{"kind", "hidden_mean"},
              {"layer", spec.layer},
              {"tokens", name_of(spec.tokens)},
              {"weights", spec.weights == TokenWeights::kUniform ? "uniform" : "position"}};
    if (spec.state == LayerState::kAttention) tree["state"] = "attention";
    return tree;
  }
  static void request(const HiddenMeanSpec& spec, SignalRequest& request) { add_once(request.hidden_means, spec); }
  static std::int64_t width(const HiddenMeanSpec&, const FeatureProbe& probe) { return probe.hidden_size(); }
  static std::vector<float> vector(const HiddenMeanSpec& spec, const SignalRequest& request,
                                   const SampleSignals& signals) {
    return signals.hidden_means[place_of(request.hidden_means, spec)];
  }
};

template <>
struct Kind<TowerMeanSpec> : ForwardKind {
  static constexpr bool kRepresentation = true;
  static Json describe(const TowerMeanSpec&) { return Json{{"kind", "tower_mean"}}; }
  static void request(const TowerMeanSpec&, SignalRequest& request) { request.tower_mean = true; }
  static std::int64_t width(const TowerMeanSpec&, const FeatureProbe& probe) { return probe.tower_size(); }
  static std::vector<float> vector(const TowerMeanSpec&, const SignalRequest&, const SampleSignals& signals) {
    return signals.tower_mean;
  }
};

template <>
struct Kind<AnswerLossSpec> : ForwardKind {
  static constexpr bool kFloat32 = true;
  static Json describe(const AnswerLossSpec& spec) {
    return Json{{"kind", "answer_loss"}, {"context", spec.alone ? "none" : "all"}};
  }
  static void request(const AnswerLossSpec& spec, SignalRequest& request) {
    (spec.alone ? request.lone_loss : request.answer_loss) = true;
  }
  static std::int64_t width(const AnswerLossSpec&, const FeatureProbe&) { return 4; }
  static std::string reject(const AnswerLossSpec& spec, const SampleSignals& signals) {
    return loss_of(spec, signals).tokens == 0 ? "no answer token" : "";
  }
  static std::vector<float> vector(const AnswerLossSpec& spec, const SignalRequest&, const SampleSignals& signals) {
    const auto& loss = loss_of(spec, signals);
    double turn_means = 0;
    std::int64_t turns = 0;
    for (std::size_t i = 0; i < loss.turn_sums.size(); ++i) {
      if (loss.turn_tokens[i] == 0) continue;
      turn_means += loss.turn_sums[i] / static_cast<double>(loss.turn_tokens[i]);
      ++turns;
    }
    const double mean = turns == 0 ? 0 : turn_means / static_cast<double>(turns);
    return {static_cast<float>(loss.sum), static_cast<float>(loss.tokens), static_cast<float>(mean),
            static_cast<float>(loss.error_norms)};
  }

 private:
  static const AnswerLoss& loss_of(const AnswerLossSpec& spec, const SampleSignals& signals) {
    return (spec.alone ? signals.lone_loss : signals.loss).value();
  }
};

template <>
struct Kind<TokenCountSpec> : ForwardKind {
  static constexpr bool kFloat32 = true, kForwardPass = false;
  static Json describe(const TokenCountSpec&) { return Json{{"kind", "lengths"}}; }
  static void request(const TokenCountSpec&, SignalRequest& request) { request.token_counts = true; }
  static std::int64_t width(const TokenCountSpec&, const FeatureProbe&) { return 5; }
  static std::vector<float> vector(const TokenCountSpec&, const SignalRequest&, const SampleSignals& signals) {
    const auto& counts = signals.counts.value();
    return {static_cast<float>(counts.user), static_cast<float>(counts.assistant), static_cast<float>(counts.all),
            static_cast<float>(counts.turns), static_cast<float>(counts.characters)};
  }
};

template <>
struct Kind<ProjectedGradientSpec> : GradientKind {
  static constexpr bool kFloat32 = false;
  static Json describe(const ProjectedGradientSpec& spec) {
    Json tree{{"kind", "gradient"},
              {"step", spec.gradient.step == GradientStep::kPlain ? "plain" : "adam"},
              {"sketch", name_of(spec.gradient.sketch.kind)},
              {"dim", spec.gradient.sketch.dim},
              {"sketch_seed", spec.gradient.sketch.seed}};
    tree.update(describe_point(spec.point));
    return tree;
  }
  static void request(const ProjectedGradientSpec& spec, GradientRequest& request) {
    add_once(request.sketches, spec.gradient);
  }
  static std::int64_t width(const ProjectedGradientSpec& spec) { return spec.gradient.sketch.dim; }
  static std::vector<float> vector(const ProjectedGradientSpec& spec, const GradientRequest& request,
                                   const SampleGradients& gradients) {
    return gradients.sketches[place_of(request.sketches, spec.gradient)];
  }
};

template <>
struct Kind<GradientNormSpec> : GradientKind {
  static constexpr bool kFloat32 = true;
  static Json describe(const GradientNormSpec& spec) {
    Json tree{{"kind", "gradient_norm"}};
    tree.update(describe_point(spec.point));
    return tree;
  }
  static void request(const GradientNormSpec&, GradientRequest& request) { request.norm = true; }
  static std::int64_t width(const GradientNormSpec&) { return 1; }
  static std::vector<float> vector(const GradientNormSpec&, const GradientRequest&, const SampleGradients& gradients) {
    return {static_cast<float>(gradients.norm)};
  }
};

template <class Spec>
concept HasRow = requires {
  sizeof(Kind<Spec>);
};
template <class... Specs>
constexpr bool all_have_rows(const std::variant<Specs...>*) {
  return (HasRow<Specs> && ...);
}
static_assert(all_have_rows(static_cast<const FeatureSpec*>(nullptr)), "a FeatureSpec has no row Kind<...> above");

/// visit(kind, spec) with the row of the spec's kind.
template <class Visit>
auto with_kind(const FeatureSpec& spec, const Visit& visit) {
  return std::visit([&]<class Spec>(const Spec& s) { return visit(Kind<Spec>{}, s); }, spec);
}

/// The same for kinds of a forward pass (or, with Gradient, of a backward pass); the others must not come here.
template <bool Gradient, class Result, class Visit>
Result with_pass(const FeatureSpec& spec, const Visit& visit) {
  return with_kind(spec, [&](auto kind, const auto& s) -> Result {
    if constexpr (decltype(kind)::kGradient == Gradient) return visit(kind, s);
    SCALSELECT_CHECK(decltype(kind)::kGradient == Gradient);
    return Result();
  });
}

}  // namespace

const GradientPoint* gradient_point(const FeatureSpec& spec) {
  return with_kind(spec, [](auto kind, const auto& s) -> const GradientPoint* {
    if constexpr (decltype(kind)::kGradient) return &s.point;
    else return nullptr;
  });
}

nlohmann::ordered_json describe_feature(const FeatureSpec& spec) {
  return with_kind(spec, [](auto kind, const auto& s) { return kind.describe(s); });
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

SignalRequest request_for(std::span<const FeatureSpec> specs) {
  SignalRequest request;
  for (const auto& spec : specs) {
    with_kind(spec, [&](auto kind, const auto& s) {
      if constexpr (!decltype(kind)::kGradient) kind.request(s, request);
    });
  }
  return request;
}

GradientRequest gradient_request_for(std::span<const FeatureSpec> specs) {
  GradientRequest request;
  for (const auto& spec : specs) {
    with_kind(spec, [&](auto kind, const auto& s) {
      if constexpr (decltype(kind)::kGradient) kind.request(s, request);
    });
  }
  return request;
}

std::int64_t feature_width(const FeatureSpec& spec, const FeatureProbe& probe) {
  return with_pass<false, std::int64_t>(spec, [&](auto kind, const auto& s) { return kind.width(s, probe); });
}

std::int64_t gradient_width(const FeatureSpec& spec) {
  return with_pass<true, std::int64_t>(spec, [](auto kind, const auto& s) { return kind.width(s); });
}

std::vector<float> vector_of(const FeatureSpec& spec, const SignalRequest& request, const SampleSignals& signals) {
  return with_pass<false, std::vector<float>>(
      spec, [&](auto kind, const auto& s) { return kind.vector(s, request, signals); });
}

std::vector<float> vector_of(const FeatureSpec& spec, const GradientRequest& request,
                             const SampleGradients& gradients) {
  return with_pass<true, std::vector<float>>(
      spec, [&](auto kind, const auto& s) { return kind.vector(s, request, gradients); });
}

std::string reject_reason(const FeatureSpec& spec, const SampleSignals& signals) {
  if (!signals.reject.empty()) return signals.reject;
  return with_pass<false, std::string>(spec, [&](auto kind, const auto& s) { return kind.reject(s, signals); });
}

const char* precision_name(StorePrecision precision) {
  switch (precision) {
    case StorePrecision::kFloat16: return "float16";
    case StorePrecision::kBfloat16: return "bfloat16";
    default: return "float32";
  }
}

StorePrecision stored_precision(const FeatureSpec& spec, StorePrecision asked) {
  const bool float32 = with_kind(spec, [](auto kind, const auto&) { return kind.kFloat32; });
  return float32 ? StorePrecision::kFloat32 : asked;
}

bool is_representation(const FeatureSpec& spec) {
  return with_kind(spec, [](auto kind, const auto&) { return kind.kRepresentation; });
}

bool needs_forward_pass(const FeatureSpec& spec) {
  return with_kind(spec, [](auto kind, const auto&) { return kind.kForwardPass; });
}

}  // namespace scalselect
