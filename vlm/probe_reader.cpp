#include "vlm/probe_reader.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "vlm/compat_roles.h"

namespace scalselect::vlm {
namespace {

/// x on the CPU. From a GPU the copy is only begun: into page-locked memory, so that neither side waits.
torch::Tensor towards_cpu(const torch::Tensor& x) {
  if (!x.is_cuda()) return x.cpu();
  auto host = torch::empty(x.sizes(), torch::TensorOptions().dtype(x.scalar_type()).pinned_memory(true));
  return host.copy_(x, /*non_blocking=*/true);
}

torch::Tensor plain_floats(const torch::Tensor& x) { return x.to(torch::kCPU, torch::kFloat32).contiguous(); }

std::vector<float> copy(const torch::Tensor& x) {
  const auto* data = x.const_data_ptr<float>();
  return {data, data + x.numel()};
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

}  // namespace

void PendingSample::settle() {
  for (auto* list : {&hidden, &attention}) {
    for (auto& x : *list) x = plain_floats(x);
  }
}

void PendingSample::forget() {
  hidden.clear();
  attention.clear();
  means.clear();
}

std::vector<std::vector<PendingSample*>> by_prefix(std::span<PendingSample> work) {
  std::vector<std::vector<PendingSample*>> groups;
  std::unordered_map<std::string_view, std::size_t> places;
  for (auto& item : work) {
    if (!item.reject.empty()) continue;
    const auto place = places.emplace(item.prefix_key, groups.size()).first->second;
    if (place == groups.size()) groups.emplace_back();
    groups[place].push_back(&item);
  }
  return groups;
}

std::size_t run_end(std::span<const PendingSample> work, std::size_t first, std::size_t least, std::int64_t values) {
  constexpr std::int64_t kHeldBytes = std::int64_t{128} << 20;
  std::int64_t held = 0;
  auto last = first;
  for (; last < work.size(); ++last) {
    const auto& roles = work[last].chat.roles;
    held += static_cast<std::int64_t>(sizeof(float)) * values *
            std::count(roles.begin(), roles.end(), TokenRoleTag::kImage);
    if (last - first >= least && held > kHeldBytes) break;
  }
  return last;
}

TokenPositions SignalReader::positions(const PendingSample& work, TokenRoles roles) const {
  if (roles == TokenRoles::kStrict) return strict_positions(work.chat);
  return compat_positions(work.chat, work.sample->turns, chat_);
}

ProbeDepth SignalReader::depth_for(const PendingSample& work, const PrefixStates& prefix, ProbeDepth depth) const {
  for (const auto& spec : request_.early) {
    if (spec.roles != TokenRoles::kCompat) continue;
    const auto where = positions(work, spec.roles);
    if (where.visual.empty() || where.visual.back() < prefix.length) continue;
    depth.suffix = depth.prefix;
    depth.suffix_norm = depth.prefix_norm;
  }
  return depth;
}

void SignalReader::read(PendingSample& work, const SampleStates& states, const PrefixStates* prefix) const {
  for (const auto& spec : request_.early) {
    const auto where = positions(work, spec.roles);
    work.hidden.push_back(
        towards_cpu(states.rows(spec.hidden_layer, where.visual, LayerState::kHidden, spec.deepstack)));
    const auto attention = prefix == nullptr ? plain_attention(model_, states, spec.attention_layer, where)
                                             : instruction_attention(model_, states, spec.attention_layer, where,
                                                                     prefix->keys.at(spec.attention_layer));
    work.attention.push_back(towards_cpu(attention));
  }
  for (const auto& spec : request_.hidden_means) {
    work.means.push_back(hidden_mean(states, work.chat, spec, model_->text().hidden_size));
  }
  if (request_.tower_mean) work.tower_mean = plain_floats(states.tower_mean);
  if (request_.answer_loss) work.loss = answer_loss(model_, states, work.chat, work.sample->turns);
  if (request_.lone_loss) work.lone_loss = lone_answer_loss(model_, chat_, work.sample->turns);
}

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

}  // namespace scalselect::vlm
