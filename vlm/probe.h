// core's FeatureProbe for a model, with the shortcuts that make early layers cheap.
//
// * Only the tower, the projector, the embeddings and the decoder layers that a request needs are run.
// * Attention is causal, so everything up to the last image token (the prefix) does not depend on the text after it:
//   samples with the same images and the same prefix share its states, within a call and (bounded memory) across calls.
// * The text after it runs only through the layers below the requested attention: for layer 1 that is
//   embedding, norm, queries and keys.
// * Attention is computed for instruction rows only, logits at supervised positions only.
//
// On the CPU every sample is a computation of its own (samples run in parallel on threads), so its bits do not depend
// on other samples, on how they are grouped into calls, or on the number of threads. A GPU needs larger products:
// there, several samples go through the tower and the first layers together, while threads decode the pictures of the
// next, and a sample agrees with itself in other company up to the rounding of those products.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/probes.h"
#include "vlm/image_cache.h"
#include "vlm/open_model.h"

namespace scalselect::vlm {

struct ProbeOptions {
  /// Full forward pass of every sample with an explicit S x S attention map and no sharing: the oracle of the tests.
  bool plain = false;
  std::int64_t cache_mb = 256;  ///< states of prefixes kept over calls, MiB (on a GPU a quarter)
  /// Tokens up to the last picture of the samples that go through the model together; at least one sample does. 0: one
  /// sample at a time. Unset: 0 on the CPU, kTokensTogether on a GPU.
  std::optional<std::int64_t> tokens_together;
  PixelLimits pixels;                  ///< see open_model
  std::string chat_template = "auto";  ///< see open_model
};

/// On a GPU: products of about ten thousand rows.
inline constexpr std::int64_t kTokensTogether = 12288;

/// How many layers each part of a sequence must run through for a request. The prefix ends with the last image token.
struct ProbeDepth {
  std::int64_t prefix = 0, suffix = 0;            ///< decoder layers
  bool prefix_norm = false, suffix_norm = false;  ///< the final norm too (then all layers are run)
  std::int64_t built = 0;                         ///< decoder layers whose weights are used
  bool forward = false;                           ///< false: only tokens (and the tower) are requested
};

/// For a decoder of `layers` layers. Throws UserError(kUsage) for a layer that does not exist.
ProbeDepth probe_depth(const SignalRequest& request, std::int64_t layers);

struct PrefixStates;
struct PendingSample;

class VlmProbe final : public FeatureProbe {
 public:
  explicit VlmProbe(OpenModel model, const ProbeOptions& options = {});
  ~VlmProbe() override;

  std::int64_t hidden_size() const override { return model_->text().hidden_size; }
  std::int64_t tower_size() const override { return model_->feature_size(); }
  int num_layers() const override { return static_cast<int>(model_->text().num_hidden_layers); }

  /// See core/probes.h. Rendering is the feature template's (no end-of-sequence token after answers); losses are over
  /// the assistant's tokens in that rendering, lone losses of each answer rendered by itself (BOS or the template's
  /// default system prompt, its header, its text). A mean over an empty token set is a zero vector. Rejected whatever
  /// the request: no image, missing or undecodable image, placeholders that do not match the images. Throws
  /// UserError(kUsage) for a layer that the model does not have.
  void observe(std::span<const Sample> samples, const SignalRequest& request, const SignalSink& sink) override;

 private:
  using Group = std::vector<PendingSample*>;  // samples of one prefix
  class Together;

  /// Renders the samples; those that cannot be used are rejected.
  std::vector<PendingSample> render(std::span<const Sample> samples, const SignalRequest& request);
  /// Computes the requested signals of samples that were not rejected, each prefix on a thread of its own.
  void pass(std::span<PendingSample> work, const SignalRequest& request, const ProbeDepth& depth);

  Vlm model_;
  ChatTemplate chat_;
  std::shared_ptr<ImageReader> images_;
  ProbeOptions options_;
  std::string cached_for_;  // the depth to which the cache's entries were run
  BoundedCache<PrefixStates> cache_;
  std::int64_t tokens_together_;  // halved where the GPU's memory does not hold so many
};

/// The model of an HF folder, with the parts that `request` needs (all parts for an empty request).
/// `dtype`: see `weight_dtype` (vlm/checkpoint.h).
std::unique_ptr<FeatureProbe> open_probe(const std::filesystem::path& folder, const std::string& dtype,
                                         const SignalRequest& request, const ProbeOptions& options = {});

}  // namespace scalselect::vlm
