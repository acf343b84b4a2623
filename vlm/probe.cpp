#include "vlm/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/parallel.h"
#include "vlm/compat_roles.h"
#include "vlm/probe_pass.h"
#include "vlm/sample_threads.h"

namespace scalselect::vlm {

/// A sample that `observe` is working on.
struct PendingSample {
  const Sample* sample = nullptr;
  std::string reject;
  RenderedChat chat;
  std::string prefix_key;
  std::vector<torch::Tensor> hidden, attention;  // parallel to SignalRequest::early; float32, contiguous, CPU
  std::vector<torch::Tensor> means;
  torch::Tensor tower_mean;
  std::optional<AnswerLoss> loss, lone_loss;

  /// Drops the results of a pass, before it is repeated and after they were delivered.
  void forget() {
    hidden.clear();
    attention.clear();
    means.clear();
  }
};

namespace {

constexpr std::int64_t kHeldBytes = std::int64_t{128} << 20;

torch::Tensor plain_floats(const torch::Tensor& x) { return x.to(torch::kCPU, torch::kFloat32).contiguous(); }

std::vector<float> copy(const torch::Tensor& x) {
  const auto* data = x.const_data_ptr<float>();
  return {data, data + x.numel()};
}

void check_layer(std::int64_t layer, std::int64_t lowest, std::int64_t layers, const char* what) {
  if (layer >= lowest && layer <= layers) return;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("{} {} does not exist: the model has {} decoder layers", what, layer, layers),
                  fmt::format("Choose a layer from {} to {}{}.", std::max<std::int64_t>(lowest, 0), layers,
                              lowest < 0 ? ", or -1 for the last after the final norm" : ""));
}

std::vector<std::int64_t> positions_of(const RenderedChat& chat, TokenSet set) {
  const auto last_image = std::find(chat.roles.rbegin(), chat.roles.rend(), TokenRoleTag::kImage);
  const auto after_images = static_cast<std::size_t>(chat.roles.rend() - last_image);
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < chat.roles.size(); ++i) {
    const auto role = chat.roles[i];
    const bool image = role == TokenRoleTag::kImage;
    const bool in = set == TokenSet::kAll || (set == TokenSet::kVisual && image) ||
                    (set == TokenSet::kText && !image) || (set == TokenSet::kUser && role == TokenRoleTag::kUser) ||
                    (set == TokenSet::kAssistant && role == TokenRoleTag::kAssistant) ||
                    (set == TokenSet::kAfterImages && i >= after_images);
    if (in) out.push_back(static_cast<std::int64_t>(i));
  }
  return out;
}

torch::Tensor hidden_mean(const SampleStates& states, const RenderedChat& chat, const HiddenMeanSpec& spec,
                          std::int64_t width) {
  const auto positions = positions_of(chat, spec.tokens);
  if (positions.empty()) return torch::zeros({width});
  const auto rows = plain_floats(states.rows(spec.layer, positions, spec.state));
  if (spec.weights == TokenWeights::kUniform) return rows.mean(0);
  const auto weights = (torch::tensor(positions, torch::kInt64) + 1).to(torch::kFloat32);
  return (rows * (weights / weights.sum()).unsqueeze(1)).sum(0);
}

/// Code points of a UTF-8 text.
std::int64_t characters_of(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

TokenCounts count_tokens(const RenderedChat& chat, std::span<const Turn> turns) {
  TokenCounts counts;
  counts.user = static_cast<std::int64_t>(positions_of(chat, TokenSet::kUser).size());
  counts.assistant = static_cast<std::int64_t>(positions_of(chat, TokenSet::kAssistant).size());
  counts.all = static_cast<std::int64_t>(positions_of(chat, TokenSet::kText).size());
  for (const auto& turn : turns) {
    if (turn.role != Role::kAssistant) continue;
    ++counts.turns;
    counts.characters += characters_of(turn.text);
  }
  return counts;
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

/// Reads the requested signals from a sample's states.
class Reader {
 public:
  Reader(Vlm& model, const ChatTemplate& chat, const SignalRequest& request, bool plain)
      : model_(model), chat_(chat), request_(request), plain_(plain) {}

  TokenPositions positions(const PendingSample& work, TokenRoles roles) const {
    if (roles == TokenRoles::kStrict) return strict_positions(work.chat);
    return compat_positions(work.chat, work.sample->turns, chat_);
  }

  /// The suffix must be run as deep as the prefix if one of its tokens counts as visual (compat only).
  ProbeDepth depth_for(const PendingSample& work, const PrefixStates& prefix, ProbeDepth depth) const {
    for (const auto& spec : request_.early) {
      if (spec.roles != TokenRoles::kCompat) continue;
      const auto where = positions(work, spec.roles);
      if (where.visual.empty() || where.visual.back() < prefix.length) continue;
      depth.suffix = depth.prefix;
      depth.suffix_norm = depth.prefix_norm;
    }
    return depth;
  }

  void read(PendingSample& work, const SampleStates& states, const PrefixStates* prefix) const {
    for (const auto& spec : request_.early) {
      const auto where = positions(work, spec.roles);
      work.hidden.push_back(
          plain_floats(states.rows(spec.hidden_layer, where.visual, LayerState::kHidden, spec.deepstack)));
      const auto attention = plain_ ? plain_attention(model_, states, spec.attention_layer, where)
                                    : instruction_attention(model_, states, spec.attention_layer, where,
                                                            prefix->keys.at(spec.attention_layer));
      work.attention.push_back(plain_floats(attention));
    }
    for (const auto& spec : request_.hidden_means) {
      work.means.push_back(hidden_mean(states, work.chat, spec, model_->text().hidden_size));
    }
    if (request_.tower_mean) work.tower_mean = plain_floats(states.tower_mean);
    if (request_.answer_loss) work.loss = answer_loss(model_, states, work.chat, work.sample->turns);
    if (request_.lone_loss) work.lone_loss = lone_answer_loss(model_, chat_, work.sample->turns);
  }

 private:
  Vlm& model_;
  const ChatTemplate& chat_;
  const SignalRequest& request_;
  bool plain_;
};

void deliver(const PendingSample& work, const SignalRequest& request, const SignalSink& sink) {
  SampleSignals signals;
  signals.row = work.sample->row;
  signals.reject = work.reject;
  if (work.reject.empty()) {
    for (std::size_t i = 0; i < work.hidden.size(); ++i) {
      const auto& hidden = work.hidden[i];
      const auto& attention = work.attention[i];
      signals.early.push_back({{hidden.const_data_ptr<float>(), hidden.size(0), hidden.size(1)},
                               {attention.const_data_ptr<float>(), static_cast<std::size_t>(attention.numel())}});
    }
    for (const auto& mean : work.means) signals.hidden_means.push_back(copy(mean));
    if (request.tower_mean) signals.tower_mean = copy(work.tower_mean);
    signals.loss = work.loss;
    signals.lone_loss = work.lone_loss;
    if (request.token_counts) signals.counts = count_tokens(work.chat, work.sample->turns);
  }
  sink(signals);
}

/// End of the run of samples that go through a pass together: enough to keep the threads busy, but few enough that
/// their signals, above all the states of visual tokens, stay within kHeldBytes.
std::size_t run_end(std::span<const PendingSample> work, std::size_t first, const SignalRequest& request,
                    std::int64_t width) {
  const auto least = 2 * static_cast<std::size_t>(thread_count());
  const auto row = static_cast<std::int64_t>(sizeof(float)) * width * std::ssize(request.early);
  std::int64_t held = 0;
  auto last = first;
  for (; last < work.size(); ++last) {
    const auto& roles = work[last].chat.roles;
    held += row * std::count(roles.begin(), roles.end(), TokenRoleTag::kImage);
    if (last - first >= least && held > kHeldBytes) break;
  }
  return last;
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
      cache_((model_->device().is_cpu() ? options.cache_mb : options.cache_mb / 4) << 20) {}

VlmProbe::~VlmProbe() = default;

void VlmProbe::observe(std::span<const Sample> samples, const SignalRequest& request, const SignalSink& sink) {
  const auto depth = probe_depth(request, num_layers());
  if (const auto key = depth_key(request, depth); key != cached_for_) {
    cache_.clear();
    cached_for_ = key;
  }
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

  for (std::size_t first = 0; first < work.size();) {
    const auto last = run_end(work, first, request, model_->text().hidden_size);
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
  std::map<std::string, std::vector<PendingSample*>> by_prefix;
  for (auto& item : work) {
    if (item.reject.empty()) by_prefix[item.prefix_key].push_back(&item);
  }
  std::vector<const std::vector<PendingSample*>*> groups;
  for (const auto& [key, members] : by_prefix) groups.push_back(&members);
  const Reader reader(model_, chat_, request, options_.plain);
  parallel_samples(static_cast<std::int64_t>(groups.size()), [&](std::int64_t g) {
    const auto& members = *groups[g];
    const auto& first = *members.front();
    for (auto* item : members) item->forget();
    try {
      if (options_.plain) {
        const auto images = images_->pixels(first.sample->images);
        const DevicePermit permit(model_->device());
        for (auto* item : members) reader.read(*item, run_plain(model_, item->chat.ids, images, request), nullptr);
        return;
      }
      auto prefix = cache_.find(first.prefix_key);
      std::vector<torch::Tensor> pixels;
      if (!prefix) pixels = images_->pixels(first.sample->images);
      const DevicePermit permit(model_->device());
      if (!prefix) {
        prefix = run_prefix(model_, first.chat.ids, pixels, request, depth);
        cache_.insert(first.prefix_key, prefix, prefix->bytes());
      }
      for (auto* item : members) {
        const auto own_depth = reader.depth_for(*item, *prefix, depth);
        reader.read(*item, run_suffix(model_, *prefix, item->chat.ids, request, own_depth), prefix.get());
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
  return std::make_unique<VlmProbe>(open_model(folder, load, options.pixels, options.chat_template), options);
}

}  // namespace scalselect::vlm
