// How the rest of the project reaches a model: it requests signals and receives them sample by sample.
//
// `vlm/` implements these interfaces with LibTorch; `selector/`, `baselines/` and `eval/` see this header only.
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

/// Which tokens count as the instruction when attention is averaged (docs/extraction.md).
enum class TokenRoles {
  kStrict,  ///< the user's text, from the chat template's character spans
  kCompat,  ///< as in the authors' code: neither visual nor found to be part of an answer
};

/// Which tokens of a sequence a mean is taken over.
enum class TokenSet {
  kVisual,
  kText,  ///< all but the visual ones
  kUser,
  kAssistant,
  kAll,
  kAfterImages,  ///< everything after the last visual token: question, answers and template, no prompt head
};

/// How tokens are weighted in a mean: equally, or in proportion to their 1-based position (RDS+).
enum class TokenWeights { kUniform, kPosition };

/// Visual tokens' states after a layer, with the attention they get from the instruction.
struct EarlyStatesSpec {
  int hidden_layer = 1;     ///< states after this layer
  int attention_layer = 1;  ///< attention of this layer, >= 1
  TokenRoles roles = TokenRoles::kStrict;
  /// Qwen3-VL: states include the DeepStack feature that is added after the layer (docs/extraction.md, item 1.6);
  /// false: the bare layer output.
  bool deepstack = true;
  bool operator==(const EarlyStatesSpec&) const = default;
};

/// Which state of a token is taken from a layer.
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

/// The union of all consumers' requests to one forward pass. The model runs no further than the deepest signal needs.
struct SignalRequest {
  std::vector<EarlyStatesSpec> early;
  std::vector<HiddenMeanSpec> hidden_means;
  bool tower_mean = false;    ///< mean over patches (and images) of the tower's output, before the projector
  bool answer_loss = false;   ///< needs the full depth
  bool lone_loss = false;     ///< of the answers without image and instruction: one more full pass, of text only
  bool token_counts = false;  ///< tokenizer only
};

struct EarlyStates {
  MatrixView hidden;  ///< V x d, visual tokens in sequence order, all images of the row
  /// V; mean over heads and instruction tokens, not normalised; all zero if there are none.
  std::span<const float> attention;
};

/// Negative log-likelihood of the assistant's tokens given everything before them, in nats, and EL2N's error norm.
struct AnswerLoss {
  double sum = 0;
  double error_norms = 0;  ///< sum over the tokens of ||softmax - onehot||_2 (Paul et al., arXiv 2107.07075)
  std::int64_t tokens = 0;
  std::vector<double> turn_sums;  ///< per assistant turn
  std::vector<std::int64_t> turn_tokens;
};

/// Lengths in the model's tokens, image tokens not counted, and two that do not depend on the tokenizer.
struct TokenCounts {
  std::int64_t user = 0, assistant = 0, all = 0;
  std::int64_t turns = 0, characters = 0;  ///< assistant turns, and code points of their texts as written
};

/// The signals of one sample. Views are valid during the callback only.
struct SampleSignals {
  std::int64_t row = 0;
  std::string reject;                            ///< why the sample was skipped; empty = everything requested is there
  std::vector<EarlyStates> early;                ///< parallel to SignalRequest::early
  std::vector<std::vector<float>> hidden_means;  ///< parallel to SignalRequest::hidden_means
  std::vector<float> tower_mean;
  std::optional<AnswerLoss> loss;
  std::optional<AnswerLoss> lone_loss;  ///< of each assistant turn after its own header only
  std::optional<TokenCounts> counts;
};

using SignalSink = std::function<void(const SampleSignals&)>;

/// A frozen model whose internal signals can be read.
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
  kRademacher,  ///< dense, entries +-1 / sqrt(dim): what LESS, ICONS and TIVE use (from TRAK); O(P dim) per vector
  kGaussian,    ///< dense, entries N(0, 1 / dim); as much, and slow to draw
  kSparse,      ///< eight entries +-1 / sqrt(8) per column, one in each eighth of the rows (Kane and Nelson 2014); O(P)
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
  kAdam,   ///< the step that Adam would take from it (LESS, arXiv 2402.04333): (b1 m + (1 - b1) g) /
           ///< sqrt(b2 v + (1 - b2) g^2 + 1e-8), moments m and v of the warm-up, b1 = 0.9, b2 = 0.999, no bias
           ///< correction
};

struct GradientSpec {
  GradientStep step = GradientStep::kPlain;
  SketchSpec sketch;
  bool operator==(const GradientSpec&) const = default;
};

/// The union of all consumers' requests to one backward pass.
struct GradientRequest {
  std::vector<GradientSpec> sketches;
  bool norm = false;
};

/// What is known about one sample's gradient.
struct SampleGradients {
  std::int64_t row = 0;
  std::string reject;                        ///< as SampleSignals::reject
  double norm = 0;                           ///< L2 norm of the plain gradient, if requested
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
  /// samples are grouped into calls. Samples without an image are used; those that cannot be used are reported by
  /// `reject`. Throws UserError(kUsage) if an Adam step is requested and there are no moments.
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
  /// One answer per prompt, in order, special tokens removed and outer blanks stripped. Independent of batching.
  virtual std::vector<std::string> generate(std::span<const GenerationPrompt> prompts,
                                            const GenerationOptions& options) = 0;
};

}  // namespace scalselect
