#include "vlm/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/parallel.h"
#include "vlm/compat_roles.h"
#include "vlm/device.h"
#include "vlm/probe_pass.h"
#include "vlm/probe_reader.h"
#include "vlm/probe_together.h"
#include "vlm/sample_threads.h"

namespace scalselect::vlm {

namespace {

void check_layer(std::int64_t layer, std::int64_t lowest, std::int64_t layers, const char* what) {
  if (layer >= lowest && layer <= layers) return;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("{} {} does not exist: the model has {} decoder layers", what, layer, layers),
                  fmt::format("Choose a layer from {} to {}{}.", std::max<std::int64_t>(lowest, 0), layers,
                              lowest < 0 ? ", or -1 for the last after the final norm" : ""));
}

bool is_compat(const EarlyStatesSpec& spec) { return spec.roles == TokenRoles::kCompat; }

/// The authors' code skips a row if its truncation removes image tokens.
bool compat_loses(const RenderedChat& chat, const SignalRequest& request) {
  const auto last = std::find(chat.roles.rbegin(), chat.roles.rend(), TokenRoleTag::kImage);
  return chat.roles.rend() - last > kCompatLength && std::any_of(request.early.begin(), request.early.end(), is_compat);
}

/// Whether nothing of a sequence is read behind kCompatLength, as the authors' code cuts it there.
bool reads_compat_alone(const SignalRequest& request) {
  return std::all_of(request.early.begin(), request.early.end(), is_compat) && request.hidden_means.empty() &&
         !request.early.empty() && !request.answer_loss && !request.token_counts;
}

void cut(RenderedChat& chat, std::int64_t length) {
  const auto kept = static_cast<std::size_t>(std::min(length, chat.size()));
  chat.ids.resize(kept);
  chat.roles.resize(kept);
  chat.turns.resize(kept);
  chat.supervised.resize(kept);
}

std::string depth_key(const SignalRequest& request, const ProbeDepth& depth) {
  auto key = fmt::format("{}{}{}{}", depth.prefix, depth.prefix_norm, depth.forward, request.tower_mean);
  for (const auto layer : layers_read(request)) key += fmt::format(",{}", layer);
  for (const auto layer : mixed_layers_read(request)) key += fmt::format(",mixed {}", layer);
  for (const auto& spec : request.early) key += fmt::format(";{}{}", spec.attention_layer, spec.deepstack);
  return key;
}

std::string prefix_key(const Sample& sample, const RenderedChat& chat, std::int64_t image_id) {
  std::string key;
  for (const auto& path : sample.images) key += path + '\n';
  const auto end = chat.ids.rend() - std::find(chat.ids.rbegin(), chat.ids.rend(), image_id);
  key.append(reinterpret_cast<const char*>(chat.ids.data()), static_cast<std::size_t>(end) * sizeof(std::int64_t));
  return key;
}

}  // namespace

ProbeDepth probe_depth(const SignalRequest& request, std::int64_t layers) {
  ProbeDepth depth;
  const auto require = [&](std::int64_t& part, bool& norm, std::int64_t layer) {
    part = std::max(part, layer == -1 ? layers : layer);
    norm = norm || layer == -1;
    depth.forward = true;
  };
  for (const auto& spec : request.early) {
    check_layer(spec.hidden_layer, -1, layers, "hidden layer");
    check_layer(spec.attention_layer, 1, layers, "attention layer");
    require(depth.prefix, depth.prefix_norm, spec.hidden_layer);
    require(depth.prefix, depth.prefix_norm, spec.attention_layer - 1);
    require(depth.suffix, depth.suffix_norm, spec.attention_layer - 1);
    depth.built = std::max<std::int64_t>(depth.built, spec.attention_layer);
  }
  for (const auto& spec : request.hidden_means) {
    const bool raw = spec.state == LayerState::kHidden;
    check_layer(spec.layer, raw ? -1 : 1, layers, raw ? "hidden layer" : "attention layer");
    require(depth.prefix, depth.prefix_norm, spec.layer);
    if (spec.tokens != TokenSet::kVisual) require(depth.suffix, depth.suffix_norm, spec.layer);
  }
  if (request.answer_loss) {
    require(depth.prefix, depth.prefix_norm, -1);
    require(depth.suffix, depth.suffix_norm, -1);
  }
  if (request.lone_loss) depth.built = layers;
  if (depth.prefix_norm) depth.prefix = layers;
  if (depth.suffix_norm) depth.suffix = layers;
  depth.built = std::max(depth.built, depth.prefix);
  return depth;
}

VlmProbe::VlmProbe(OpenModel model, const ProbeOptions& options)
    : model_(std::move(model.model)),
      chat_(std::move(model.chat)),
      images_(std::move(model.images)),
      options_(options),
      cache_((model_->device().is_cpu() ? options.cache_mb : options.cache_mb / 4) << 20),
      tokens_together_(options.tokens_together.value_or(model_->device().is_cpu() ? 0 : kTokensTogether)) {}

VlmProbe::~VlmProbe() = default;

std::vector<PendingSample> VlmProbe::render(std::span<const Sample> samples, const SignalRequest& request) {
  std::vector<PendingSample> work(samples.size());
  parallel_samples(static_cast<std::int64_t>(samples.size()), [&](std::int64_t i) {
    auto& item = work[i];
    item.sample = &samples[i];
    item.reject = chat_.reject_reason(samples[i]);
    if (!item.reject.empty()) return;
    try {
      item.chat = chat_.render(samples[i].turns, images_->image_tokens(samples[i].images));
      if (compat_loses(item.chat, request)) {
        item.reject = fmt::format("an image extends past the {} tokens that roles=compat reads", kCompatLength);
      }
      if (reads_compat_alone(request)) cut(item.chat, kCompatLength);
      if (item.reject.empty()) item.reject = chat_.too_long(item.chat.size());
      if (!item.reject.empty()) return;
    } catch (const UserError& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      item.reject = error.problem();
      return;
    }
    item.prefix_key = prefix_key(samples[i], item.chat, chat_.image_id());
  });
  return work;
}

void VlmProbe::observe(std::span<const Sample> samples, const SignalRequest& request, const SignalSink& sink) {
  const auto depth = probe_depth(request, num_layers());
  if (const auto key = depth_key(request, depth); key != cached_for_) {
    cache_.clear();
    cached_for_ = key;
  }
  auto work = render(samples, request);
  if (tokens_together_ > 0 && !options_.plain) {
    Together(*this, request, depth, sink).run(work);
    return;
  }
  const auto most = std::ssize(request.early) * model_->text().hidden_size;
  for (std::size_t first = 0; first < work.size();) {
    const auto last = run_end(work, first, 2 * static_cast<std::size_t>(thread_count()), most);
    const auto run = std::span(work).subspan(first, last - first);
    pass(run, request, depth);
    for (auto& item : run) {
      deliver(item, request, sink);
      item.forget();
    }
    first = last;
  }
}

void VlmProbe::pass(std::span<PendingSample> work, const SignalRequest& request, const ProbeDepth& depth) {
  const auto groups = by_prefix(work);
  const SignalReader reader(model_, chat_, request);
  const auto settle = [&](PendingSample& item) {
    DeviceMark(model_->device()).wait();
    item.settle();
  };
  parallel_samples(static_cast<std::int64_t>(groups.size()), [&](std::int64_t g) {
    const auto& members = groups[static_cast<std::size_t>(g)];
    const auto& first = *members.front();
    for (auto* item : members) item->forget();
    try {
      if (options_.plain) {
        const auto images = images_->pixels(first.sample->images);
        const DevicePermit permit(model_->device());
        for (auto* item : members) {
          reader.read(*item, run_plain(model_, item->chat.ids, images, request), nullptr);
          settle(*item);
        }
        return;
      }
      auto prefix = cache_.find(first.prefix_key);
      std::vector<torch::Tensor> pixels;
      if (!prefix) pixels = images_->pixels(first.sample->images);
      const DevicePermit permit(model_->device());
      if (!prefix) {
        const PrefixInput input{first.chat.ids, std::move(pixels)};
        prefix = run_prefixes(model_, std::span(&input, 1), request, depth).front();
        cache_.insert(first.prefix_key, prefix, prefix->bytes());
      }
      for (auto* item : members) {
        const auto own_depth = reader.depth_for(*item, *prefix, depth);
        reader.read(*item, run_suffix(model_, *prefix, item->chat.ids, request, own_depth), prefix.get());
        settle(*item);
      }
    } catch (const UserError& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      for (auto* item : members) item->reject = error.problem();
    }
  });
}

std::unique_ptr<FeatureProbe> open_probe(const std::filesystem::path& folder, const std::string& dtype,
                                         const SignalRequest& request, const ProbeOptions& options) {
  const auto layers = text_config(read_model_config(folder)).num_hidden_layers;
  const auto depth = probe_depth(request, layers);
  LoadOptions load;
  load.dtype = weight_dtype(dtype);
  const bool whole = options.plain || depth.prefix_norm || depth.built == 0 || depth.built == layers;
  load.parts.decoder_layers = whole ? -1 : depth.built;
  load.parts.head = options.plain || request.answer_loss || request.lone_loss || depth.built == 0;
  auto opened = open_model(folder, load, options.pixels, options.chat_template);
  pack_weights(*opened.model);
  return std::make_unique<VlmProbe>(std::move(opened), options);
}

}  // namespace scalselect::vlm
