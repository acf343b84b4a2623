#include "vlm/probe_together.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "vlm/sample_threads.h"

namespace scalselect::vlm {
namespace {

/// Samples that may wait to be handed over, whatever their size: several chunks of them.
constexpr std::size_t kSamplesHeld = 64;

}  // namespace

void VlmProbe::Together::Member::reject(const std::string& why) {
  for (auto* item : samples) item->reject = why;
}

void VlmProbe::Together::or_reject(Member& member, const std::function<void()>& work) {
  try {
    work();
  } catch (const UserError& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    member.reject(error.problem());
  }
}

/// Where a prefix comes from is settled here and in the order of chunks, never by who is faster: the same call has the
/// same chunks, and so the same bits.
std::vector<VlmProbe::Together::Chunk> VlmProbe::Together::chunks_of(std::span<PendingSample> work) {
  const auto values = std::ssize(request_.early) * probe_.hidden_size();
  std::vector<Chunk> chunks;
  std::unordered_set<std::string> before;
  for (std::size_t first = 0; first < work.size();) {
    const auto last = run_end(work, first, kSamplesHeld, values);
    const auto run = work.subspan(first, last - first);
    chunks.emplace_back();
    std::int64_t tokens = 0;
    for (auto& group : by_prefix(run)) {
      const auto own = group.front()->chat.size();  // an upper bound of the prefix's
      if (tokens > 0 && tokens + own > probe_.tokens_together_) {
        chunks.emplace_back();
        tokens = 0;
      }
      tokens += own;
      auto& member = chunks.back().members.emplace_back();
      member.samples = std::move(group);
      member.prefix = probe_.cache_.find(member.key());
      member.repeated = !before.insert(member.key()).second;
    }
    chunks.back().complete = run;
    first = last;
  }
  return chunks;
}

void VlmProbe::Together::load(Member& member) {
  or_reject(member, [&] { member.pixels = probe_.images_->pixels(member.samples.front()->sample->images); });
}

void VlmProbe::Together::load(Chunk& chunk) {
  parallel_blocks(std::ssize(chunk.members), 1, [&](std::int64_t begin, std::int64_t) {
    at::set_num_threads(1);
    const torch::NoGradGuard no_grad;
    auto& member = chunk.members[static_cast<std::size_t>(begin)];
    if (!member.prefix && !member.repeated) load(member);
  });
}

void VlmProbe::Together::run_missing_prefixes(std::span<Member*> missing) {
  if (missing.empty()) return;
  std::vector<PrefixInput> inputs;
  for (const auto* member : missing) inputs.push_back({member->samples.front()->chat.ids, member->pixels});
  const auto keep = [&] {
    const auto prefixes = run_prefixes(probe_.model_, inputs, request_, depth_);
    for (std::size_t i = 0; i < missing.size(); ++i) missing[i]->prefix = prefixes[i];
  };
  if (missing.size() == 1) {
    or_reject(*missing.front(), keep);
    return;
  }
  try {
    keep();
  } catch (const UserError& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    for (auto& member : missing) run_missing_prefixes(std::span(&member, 1));  // one of them is at fault
  }
}

void VlmProbe::Together::launch(std::span<Member> members) {
  std::vector<Member*> missing;
  for (auto& member : members) {
    if (!member.prefix && member.pixels.empty()) {
      member.prefix = probe_.cache_.find(member.key());
      if (!member.prefix && !member.rejected()) load(member);
    }
    for (auto* item : member.samples) item->forget();
    if (!member.prefix && !member.rejected()) missing.push_back(&member);
  }
  run_missing_prefixes(missing);
  for (auto& member : members) {
    if (member.rejected()) continue;
    or_reject(member, [&] {
      for (auto* item : member.samples) {
        const auto depth = reader_.depth_for(*item, *member.prefix, depth_);
        const auto states = run_suffix(probe_.model_, *member.prefix, item->chat.ids, request_, depth);
        reader_.read(*item, states, member.prefix.get());
      }
    });
    probe_.cache_.insert(member.key(), member.prefix, member.prefix->bytes());
    member.prefix.reset();
  }
}

/// If the device's memory does not hold the members together, they go in halves, and so do later ones.
void VlmProbe::Together::launch_or_split(std::span<Member> members) {
  const auto fits = [&] {
    try {
      launch(members);
      return true;
    } catch (const c10::OutOfMemoryError&) {
      for (auto& member : members) member.prefix.reset();
      return false;
    }
  };
  if (fits()) return;
  if (behind_ != nullptr) finish(*std::exchange(behind_, nullptr));
  probe_.cache_.clear();
  if (members.size() == 1) {
    if (!fits()) gpu_is_full();
    return;
  }
  std::int64_t tokens = 0;
  for (const auto& member : members) tokens += member.samples.front()->chat.size();
  if (tokens / 2 < probe_.tokens_together_) {
    probe_.tokens_together_ = std::max<std::int64_t>(1, tokens / 2);
    log_warning("the GPU's memory does not hold {} tokens at a time: continuing with {}", tokens,
                probe_.tokens_together_);
  }
  const auto half = members.size() / 2;
  launch_or_split(members.first(half));
  launch_or_split(members.subspan(half));
}

void VlmProbe::Together::finish(Chunk& chunk) {
  chunk.mark->wait();
  std::vector<PendingSample*> items;
  for (const auto& member : chunk.members) items.insert(items.end(), member.samples.begin(), member.samples.end());
  parallel_blocks(std::ssize(items), 1, [&](std::int64_t begin, std::int64_t) {
    at::set_num_threads(1);
    items[static_cast<std::size_t>(begin)]->settle();
  });
  chunk.members.clear();
  if (chunk.complete.empty()) return;
  if (delivery_.valid()) delivery_.get();
  delivery_ = std::async(std::launch::async, [this, complete = chunk.complete] {
    for (auto& item : complete) {
      deliver(item, request_, sink_);
      item.forget();
    }
  });
}

void VlmProbe::Together::run(std::span<PendingSample> work) {
  const OperatorThreads all(thread_count());
  const torch::NoGradGuard no_grad;
  auto chunks = chunks_of(work);
  std::future<void> loading;
  const auto begin_loading = [&](std::size_t k) {
    if (k < chunks.size()) loading = std::async(std::launch::async, [&chunk = chunks[k], this] { load(chunk); });
  };
  begin_loading(0);
  for (std::size_t k = 0; k < chunks.size(); ++k) {
    auto& chunk = chunks[k];
    loading.get();
    begin_loading(k + 1);
    launch_or_split(chunk.members);
    chunk.mark.emplace(probe_.model_->device());
    if (behind_ != nullptr) finish(*behind_);
    behind_ = &chunk;
  }
  if (behind_ != nullptr) finish(*std::exchange(behind_, nullptr));
  if (delivery_.valid()) delivery_.get();
}

}  // namespace scalselect::vlm
