// How the rest of the project reaches a model: it asks for signals, and is told them sample by sample.
//
// `vlm/` implements these interfaces with LibTorch; `selector/`, `baselines/` and `eval/` only ever see this header.
// Layers are numbered from 1: "layer 1" is the first decoder layer, its output is HF's `hidden_states[1]`, its
// attention HF's `attentions[0]`; layer 0 means the embeddings (HF's `hidden_states[0]`), layer -1 the last one
// **after** the final norm (HF's `hidden_states[-1]`).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/matrix.h"
#include "core/sample.h"

namespace scalselect {

/// Which tokens count as the instruction when attention is averaged (parity.md section 1.3 and section 2).
enum class TokenRoles {
  kStrict,  ///< the user's text, from the chat template's character spans
  kCompat,  ///< the authors' residual class: neither visual nor found to be an answer
};

/// Which tokens of a sequence a mean is taken over.
enum class TokenSet {
  kVisual,
  kText,  ///< all but the visual ones
  kUser,
  kAssistant,
  kAll,
  kBehindImages,  ///< everything behind the last visual token: question, answers and template, no prompt head
};

/// How tokens are weighted in a mean: equally, or in proportion to their 1-based position (RDS+).
enum class TokenWeights { kUniform, kPosition };

/// Visual tokens' states after a layer, with the attention they get from the instruction.
struct EarlyStatesSpec {
  int hidden_layer = 1;     ///< states after this layer
  int attention_layer = 1;  ///< attention of this layer, >= 1
  TokenRoles roles = TokenRoles::kStrict;
  /// Qwen3-VL: states after layers that DeepStack adds to hold what it adds (parity.md section 1.6); false: the bare
  /// layer output.
  bool deepstack = true;
  bool operator==(const EarlyStatesSpec&) const = default;
};

/// Which state of a token a layer shows.
enum class LayerState {
  kHidden,     ///< the layer's output
  kAttention,  ///< what its attention block adds to the residual stream (the output projection's output); layers >= 1
};

/// Mean state over a set of tokens.
struct HiddenMeanSpec {
  int layer = -1;
  TokenSet tokens = TokenSet::kAll;
  TokenWeights weights = TokenWeights::kUniform;
  LayerState state = LayerState::kHidden;
  bool operator==(const HiddenMeanSpec&) const = default;
};

/// The union of what all consumers want from one forward pass. The model runs no further than the deepest signal needs.
struct SignalRequest {
  std::vector<EarlyStatesSpec> early;
  std::vector<HiddenMeanSpec> hidden_means;
  bool tower_mean = false;    ///< mean over patches (and images) of the tower's output, before the projector
  bool answer_loss = false;   ///< needs the full depth
  bool lone_loss = false;     ///< the answers without image and instruction: one more full pass, of text only
  bool token_counts = false;  ///< tokenizer only
};

struct EarlyStates {
  MatrixView hidden;  ///< V x d, visual tokens in sequence order, all images of the row
  std::span<const float>
      attention;  ///< V; mean over heads and instruction tokens, not normalised; all zero if no token
};

/// Negative log-likelihood of the assistant's tokens given everything before them, in nats, and EL2N's error norm.
struct AnswerLoss {
  double sum = 0;
  double error_norms = 0;  ///< sum over the tokens of ||softmax - onehot||_2 (Paul et al., arXiv 2107.07075)
  std::int64_t tokens = 0;
  std::vector<double> turn_sums;  ///< one an assistant turn
  std::vector<std::int64_t> turn_tokens;
};

/// Lengths under the model's tokenizer, image tokens not counted, and two that no tokenizer decides.
struct TokenCounts {
  std::int64_t user = 0, assistant = 0, all = 0;
  std::int64_t turns = 0, characters = 0;  ///< assistant turns, and code points of their texts as written
};

/// What one sample showed. Views are valid during the callback only.
struct SampleSignals {
  std::int64_t row = 0;
  std::string reject;                            ///< why the sample was skipped; empty = everything asked for is there
  std::vector<EarlyStates> early;                ///< parallel to SignalRequest::early
  std::vector<std::vector<float>> hidden_means;  ///< parallel to SignalRequest::hidden_means
  std::vector<float> tower_mean;
  std::optional<AnswerLoss> loss;
  std::optional<AnswerLoss> lone_loss;  ///< of each assistant turn behind nothing but its own header
  std::optional<TokenCounts> counts;
};

using SignalSink = std::function<void(const SampleSignals&)>;

/// A frozen model that can be looked into.
class FeatureProbe {
 public:
  virtual ~FeatureProbe() = default;
  virtual std::int64_t hidden_size() const = 0;  ///< d of the decoder
  virtual std::int64_t tower_size() const = 0;   ///< width of the vision tower
  virtual int num_layers() const = 0;            ///< decoder layers
  /// Runs the samples once and hands the signals of each to `sink`, in the order given, from one thread at a time.
  /// Results do not depend on how samples are grouped into calls. A sample that cannot be used (no image, unreadable
  /// image, placeholder count) is reported by `reject`, never thrown.
  virtual void observe(std::span<const Sample> samples, const SignalRequest& request, const SignalSink& sink) = 0;
};

/// A random linear map of P numbers to `dim` that keeps inner products: E<Sx, Sy> = <x, y>, with a variance of at most
/// 2 |x|^2 |y|^2 / dim.
enum class SketchKind {
  kRademacher,  ///< dense, entries +-1 / sqrt(dim): what LESS, ICONS and TIVE use (from TRAK); O(P dim) a vector
  kGaussian,    ///< dense, entries N(0, 1 / dim); as much, and slow to draw
  kSparse,      ///< eight entries +-1 / sqrt(8) a column, one in each eighth of the rows (Kane and Nelson 2014); O(P)
};

struct SketchSpec {
  SketchKind kind = SketchKind::kSparse;
  int dim = 8192;  ///< >= 8
  std::int64_t seed = 0;
  bool operator==(const SketchSpec&) const = default;
};

/// What is sketched.
enum class GradientStep {
  kPlain,  ///< the gradient g
  kAdam,   ///< the step that Adam would make of it (LESS, arXiv 2402.04333, section 3): (b1 m + (1 - b1) g) /
           ///< sqrt(b2 v + (1 - b2) g^2 + 1e-8), moments m and v of the warm-up, b1 = 0.9, b2 = 0.999, no bias
           ///< correction
};

struct GradientSpec {
  GradientStep step = GradientStep::kPlain;
  SketchSpec sketch;
  bool operator==(const GradientSpec&) const = default;
};

/// What all consumers want from one backward pass.
struct GradientRequest {
  std::vector<GradientSpec> sketches;
  bool norm = false;
};

/// What one sample's gradient showed.
struct SampleGradients {
  std::int64_t row = 0;
  std::string reject;                        ///< as SampleSignals::reject
  double norm = 0;                           ///< L2 norm of the plain gradient, if asked for
  std::vector<std::vector<float>> sketches;  ///< parallel to GradientRequest::sketches
};

using GradientSink = std::function<void(const SampleGradients&)>;

/// A model whose training loss can be differentiated sample by sample. Which weights the gradient is taken for, and
/// what was done to them before (a warm-up), is decided when the probe is opened.
class GradientProbe {
 public:
  virtual ~GradientProbe() = default;
  virtual std::int64_t size() const = 0;  ///< P, scalars in one gradient
  /// Gradients of each sample's mean negative log-likelihood over its training targets (answers and their end tokens),
  /// one sample at a time, handed to `sink` in the order given, from one thread at a time. Results do not depend on how
  /// samples are grouped into calls. Samples without an image are used, those that cannot be used are reported by
  /// `reject`. Throws UserError(kUsage) if an Adam step is asked for and there are no moments.
  virtual void differentiate(std::span<const Sample> samples, const GradientRequest& request,
                             const GradientSink& sink) = 0;
};

/// One question to a model.
struct GenerationPrompt {
  std::string text;                 ///< the user's message without image tags
  std::vector<std::string> images;  ///< paths
};

struct GenerationOptions {
  int max_new_tokens = 32;
  int batch_size = 32;
};

/// Greedy answers of a model.
class TextGenerator {
 public:
  virtual ~TextGenerator() = default;
  /// One answer a prompt, in order, special tokens removed and outer blanks stripped. Independent of batching.
  virtual std::vector<std::string> generate(std::span<const GenerationPrompt> prompts,
                                            const GenerationOptions& options) = 0;
};

}  // namespace scalselect
