// How a probe works on a GPU: samples go through the model in chunks of several prefixes.
#pragma once

#include <functional>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "vlm/device.h"
#include "vlm/probe.h"
#include "vlm/probe_reader.h"

namespace scalselect::vlm {

/// One call of VlmProbe::observe. While the device works on a chunk, threads decode the pictures of the next, the
/// signals of the chunk before travel to the CPU, and finished samples are handed over; nothing in between waits for
/// the device.
class VlmProbe::Together {
 public:
  Together(VlmProbe& probe, const SignalRequest& request, const ProbeDepth& depth, const SignalSink& sink)
      : probe_(probe), request_(request), depth_(depth), sink_(sink), reader_(probe.model_, probe.chat_, request) {}

  /// Computes the requested signals of samples that were not rejected and hands all to the sink, in their order.
  void run(std::span<PendingSample> work);

 private:
  /// Samples of one prefix.
  struct Member {
    Group samples;
    bool repeated = false;  ///< an earlier run of this call had the prefix, so the cache should have it
    std::shared_ptr<PrefixStates> prefix;
    std::vector<torch::Tensor> pixels;
    const std::string& key() const { return samples.front()->prefix_key; }
    bool rejected() const { return !samples.front()->reject.empty(); }
    void reject(const std::string& why);
  };
  struct Chunk {
    std::vector<Member> members;
    std::span<PendingSample> complete;  ///< the samples that can be handed over after it
    std::optional<DeviceMark> mark;
  };

  std::vector<Chunk> chunks_of(std::span<PendingSample> work);
  /// Decodes the pictures of a chunk.
  void load(Chunk& chunk);
  void load(Member& member);
  /// Gives the chunk's work to the device.
  void launch(std::span<Member> members);
  void launch_or_split(std::span<Member> members);
  void run_missing_prefixes(std::span<Member*> missing);
  /// Waits for the device, and hands over what is complete.
  void finish(Chunk& chunk);
  /// `work`, whose UserError(kInput) rejects the member instead.
  static void or_reject(Member& member, const std::function<void()>& work);

  VlmProbe& probe_;
  const SignalRequest& request_;
  const ProbeDepth& depth_;
  const SignalSink& sink_;
  SignalReader reader_;
  Chunk* behind_ = nullptr;  ///< given to the device and not finished
  std::future<void> delivery_;
};

}  // namespace scalselect::vlm
