// ScalSelect (arXiv 2602.11636): instruction-conditioned early representations, ranked by their leverage in the
// principal subspace of the pool. Every ablation and every quirk of the authors' code is one option.
#pragma once

#include <string>

#include "selector/method.h"
#include "selector/subspace.h"

namespace scalselect {

/// What represents a sample.
enum class Representation {
  kVisual,    ///< attended visual tokens after `hidden_layer`
  kTextMean,  ///< ablation: mean over all text tokens after `hidden_layer`, no visual token
  kUserMean,  ///< ablation: mean over the user's tokens after `hidden_layer`
  kTower,     ///< ablation: mean of the vision tower's patches, before projector and decoder
};

struct ScalSelectOptions {
  Representation representation = Representation::kVisual;
  int hidden_layer = 1;     ///< 1-based; 0 = embeddings, -1 = last layer after the final norm
  int attention_layer = 1;  ///< 1-based
  TokenRoles roles = TokenRoles::kStrict;
  bool deepstack = true;  ///< see EarlyStatesSpec
  TokenChoice tokens = TokenChoice::kMass;
  double theta = 0.9;
  int top_k = 64;
  double fraction = 0.5;
  SubspaceOptions subspace;

  template <class Visitor>
  static void describe(Visitor& v, ScalSelectOptions& o) {
    v.choice("representation", o.representation,
             {{"visual", Representation::kVisual},
              {"text_mean", Representation::kTextMean},
              {"user_mean", Representation::kUserMean},
              {"tower", Representation::kTower}},
             "tokens whose states are averaged");
    v.field("hidden_layer", o.hidden_layer, "states after this decoder layer; 0 = embeddings, -1 = last",
            Range{-1, 1e4});
    v.field("attention_layer", o.attention_layer, "attention of this decoder layer", Range{1, 1e4});
    v.choice("roles", o.roles, {{"strict", TokenRoles::kStrict}, {"compat", TokenRoles::kCompat}},
             "which tokens are the instruction: the user's text, or the authors' residual class");
    v.field("deepstack", o.deepstack, "Qwen3-VL: states hold the DeepStack feature added after hidden_layer");
    v.choice("tokens", o.tokens,
             {{"mass", TokenChoice::kMass},
              {"top_k", TokenChoice::kTopK},
              {"fraction", TokenChoice::kFraction},
              {"all", TokenChoice::kAll}},
             "which visual tokens are averaged");
    v.field("theta", o.theta, "attention mass that the kept tokens must exceed (tokens=mass)", Range{0, 1});
    v.field("top_k", o.top_k, "number of tokens (tokens=top_k)", Range{1, 1e9});
    v.field("fraction", o.fraction, "share of the tokens, rounded up (tokens=fraction)", Range{0, 1});
    v.field("subspace", o.subspace, "scoring of the stacked vectors");
  }
};

/// The feature these options rank.
FeatureSpec scalselect_feature(const ScalSelectOptions& options);

/// BudgetUse::kScores; no randomness. Facts: k, rank, energy_kept, spectrum, excluded, refined.
Method make_scalselect(const ScalSelectOptions& options = {});

/// What a report may show of a scoring: k, rank, energy_kept, spectrum, excluded, refined.
nlohmann::ordered_json subspace_facts(const SubspaceScores& scores);

}  // namespace scalselect
