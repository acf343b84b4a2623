// What one sample's signals are read into while a probe works on it, and how they are read and handed over.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/probes.h"
#include "core/sample.h"
#include "vlm/chat_template.h"
#include "vlm/libtorch.h"
#include "vlm/probe_pass.h"

namespace scalselect::vlm {

/// A sample that a probe is working on.
struct PendingSample {
  const Sample* sample = nullptr;
  std::string reject;
  RenderedChat chat;
  std::string prefix_key;
  std::vector<torch::Tensor> hidden, attention;  // parallel to SignalRequest::early; on the CPU, see `settle`
  std::vector<torch::Tensor> means;
  torch::Tensor tower_mean;
  std::optional<AnswerLoss> loss, lone_loss;

  /// Makes `hidden` and `attention` float32 and contiguous. On a GPU their copies must have arrived.
  void settle();
  /// Drops the results of a pass, before it is repeated and after they were delivered.
  void forget();
};

/// Those that were not rejected, by prefix, in the order in which prefixes appear first.
std::vector<std::vector<PendingSample*>> by_prefix(std::span<PendingSample> work);

/// End of the run of samples from `first` on that are worked on before any is handed over: at least `least`, but few
/// enough that their states of visual tokens, `values` float32 numbers for each token, stay within 128 MiB.
std::size_t run_end(std::span<const PendingSample> work, std::size_t first, std::size_t least, std::int64_t values);

/// Reads the requested signals from a sample's states.
class SignalReader {
 public:
  SignalReader(Vlm& model, const ChatTemplate& chat, const SignalRequest& request)
      : model_(model), chat_(chat), request_(request) {}

  /// The suffix must be run as deep as the prefix if one of its tokens counts as visual (compat only).
  ProbeDepth depth_for(const PendingSample& work, const PrefixStates& prefix, ProbeDepth depth) const;
  /// `prefix` null: the states are of a plain run. Copies from a GPU may still be under way afterwards.
  void read(PendingSample& work, const SampleStates& states, const PrefixStates* prefix) const;

 private:
  TokenPositions positions(const PendingSample& work, TokenRoles roles) const;

  Vlm& model_;
  const ChatTemplate& chat_;
  const SignalRequest& request_;
};

/// Hands the signals of a settled sample, or why it was rejected, to `sink`.
void deliver(const PendingSample& work, const SignalRequest& request, const SignalSink& sink);

}  // namespace scalselect::vlm
