#include "vlm/probe_pass.h"

#include <algorithm>
#include <cassert>

namespace scalselect::vlm {

namespace {

constexpr std::int64_t kLogitRows = 256;  // bounds the logits in memory

torch::Tensor ids_tensor(Vlm& model, const std::vector<std::int64_t>& ids, std::int64_t begin, std::int64_t end) {
  const std::vector<std::int64_t> part(ids.begin() + begin, ids.begin() + end);
  return torch::tensor(part, torch::kInt64).unsqueeze(0).to(model->device());
}

torch::Tensor index(Vlm& model, const std::vector<std::int64_t>& positions) {
  return torch::tensor(positions, torch::kInt64).to(model->device());
}

torch::Tensor arange(Vlm& model, std::int64_t begin, std::int64_t end) {
  return torch::arange(begin, end, torch::TensorOptions().dtype(torch::kInt64).device(model->device()));
}

/// States by layer.
struct LayerStates {
  std::map<std::int64_t, torch::Tensor> states, raw, mixed;
};

/// Runs `layers` layers (all and the norm, if `norm`) and keeps the states that the request reads.
LayerStates run_layers(Vlm& model, const torch::Tensor& x, DecodeOptions options, std::int64_t layers, bool norm,
                       const SignalRequest& request) {
  const auto read_layers = layers_read(request), mixed_layers = mixed_layers_read(request);
  std::vector<torch::Tensor> hidden, raw, mixed;
  options.layers = norm ? -1 : layers;
  const bool between = std::any_of(read_layers.begin(), read_layers.end(), [](auto layer) { return layer >= 0; });
  if (between) options.hidden = &hidden;
  const bool bare = std::any_of(request.early.begin(), request.early.end(), [](auto& spec) { return !spec.deepstack; });
  if (bare && !options.deep.features.empty()) options.raw = &raw;
  if (!mixed_layers.empty()) options.mixed = &mixed;
  const auto last = model->decode(x, options);
  LayerStates out;
  for (const auto layer : read_layers) {
    if (layer >= 0 && layer < static_cast<std::int64_t>(hidden.size())) out.states[layer] = hidden[layer];
    if (layer == -1 && norm) out.states[layer] = last;
  }
  for (const auto& spec : request.early) {
    const auto layer = spec.hidden_layer;
    if (!spec.deepstack && layer >= 0 && layer < static_cast<std::int64_t>(raw.size())) out.raw[layer] = raw[layer];
  }
  for (const auto layer : mixed_layers) {
    if (layer <= static_cast<std::int64_t>(mixed.size())) out.mixed[layer] = mixed[layer - 1];
  }
  return out;
}

struct EncodedPrefix {
  DecoderInput input;  // embeddings undefined unless requested
  torch::Tensor tower_mean;
};

/// Tower, projector and merged embeddings of ids[0, end).
EncodedPrefix encode(Vlm& model, const std::vector<std::int64_t>& ids, std::int64_t end,
                     const std::vector<torch::Tensor>& pixels, bool embed) {
  const auto features = model->encode(pixels);
  EncodedPrefix encoded;
  encoded.tower_mean = features.features.to(torch::kFloat32).flatten(0, -2).mean(0);
  if (embed) encoded.input = model->assemble(ids_tensor(model, ids, 0, end), model->project(features));
  return encoded;
}

DecodeOptions decode_options(const DecoderInput& input, KvCache* cache) {
  DecodeOptions options;
  options.positions = input.positions;
  options.deep = input.deep;
  options.cache = cache;
  return options;
}

/// Positions of the `count` text tokens after others.
torch::Tensor next_positions(const torch::Tensor& before, std::int64_t count) {
  const auto run = torch::arange(1, count + 1, before.options()) + before.max();
  return before.dim() == 3 ? run.expand({3, 1, count}) : run.unsqueeze(0);
}

torch::Tensor keys_of(Vlm& model, std::int64_t layer, const torch::Tensor& states, const torch::Tensor& positions) {
  auto& block = model->decoder()->layer(layer - 1);
  return block->self_attn->keys(block->input_layernorm(states), model->decoder()->rope(positions));
}

/// Mean over heads and all user tokens, from the rows of those that come after a visual token.
torch::Tensor average(const torch::Tensor& probabilities, const torch::Tensor& visual, std::int64_t users) {
  const auto heads = static_cast<double>(probabilities.size(1));
  return probabilities[0].index_select(2, visual).sum(at::IntArrayRef({0, 1})) / (heads * static_cast<double>(users));
}

}  // namespace

std::int64_t PrefixStates::bytes() const {
  std::int64_t total = cache ? cache->bytes() : 0;
  for (const auto* map : {&states, &raw, &mixed, &keys}) {
    for (const auto& [layer, value] : *map) total += static_cast<std::int64_t>(value.nbytes());
  }
  return total + 4096;
}

torch::Tensor SampleStates::rows(std::int64_t layer, const std::vector<std::int64_t>& which, LayerState state,
                                 bool deepstack) const {
  const bool hidden = state == LayerState::kHidden;
  const bool bare = hidden && !deepstack && prefix_raw.contains(layer);
  const auto& head = (bare ? prefix_raw : hidden ? prefix_states : prefix_mixed).at(layer);
  const auto index = torch::tensor(which, torch::kInt64).to(head.device());
  const bool inside = which.empty() || which.back() < prefix;
  if (inside) return head[0].index_select(0, index);
  return torch::cat({head[0], (hidden ? suffix_states : suffix_mixed).at(layer)[0]}, 0).index_select(0, index);
}

std::set<std::int64_t> layers_read(const SignalRequest& request) {
  std::set<std::int64_t> layers;
  for (const auto& spec : request.early) layers.insert({spec.hidden_layer, spec.attention_layer - 1});
  for (const auto& spec : request.hidden_means) {
    if (spec.state == LayerState::kHidden) layers.insert(spec.layer);
  }
  if (request.answer_loss) layers.insert(-1);
  return layers;
}

std::set<std::int64_t> mixed_layers_read(const SignalRequest& request) {
  std::set<std::int64_t> layers;
  for (const auto& spec : request.hidden_means) {
    if (spec.state == LayerState::kAttention) layers.insert(spec.layer);
  }
  return layers;
}

std::shared_ptr<PrefixStates> run_prefix(Vlm& model, const std::vector<std::int64_t>& ids,
                                         const std::vector<torch::Tensor>& pixels, const SignalRequest& request,
                                         const ProbeDepth& depth) {
  auto out = std::make_shared<PrefixStates>();
  const auto image = model->image_token_id();
  out->length = static_cast<std::int64_t>(ids.rend() - std::find(ids.rbegin(), ids.rend(), image));
  if (!depth.forward && !request.tower_mean) return out;
  const auto encoded = encode(model, ids, out->length, pixels, depth.forward);
  out->tower_mean = encoded.tower_mean;
  if (!depth.forward) return out;
  out->cache = std::make_unique<KvCache>(depth.prefix);
  out->positions = encoded.input.positions;
  auto run = run_layers(model, encoded.input.embeddings, decode_options(encoded.input, out->cache.get()), depth.prefix,
                        depth.prefix_norm, request);
  out->states = std::move(run.states);
  out->raw = std::move(run.raw);
  out->mixed = std::move(run.mixed);
  for (const auto& spec : request.early) {
    const auto layer = spec.attention_layer;
    if (layer <= depth.prefix) out->keys[layer] = out->cache->keys(layer - 1);
    else out->keys[layer] = keys_of(model, layer, out->states.at(layer - 1), out->positions);
  }
  return out;
}

SampleStates run_suffix(Vlm& model, PrefixStates& prefix, const std::vector<std::int64_t>& ids,
                        const SignalRequest& request, const ProbeDepth& depth) {
  SampleStates out;
  out.prefix = prefix.length;
  out.prefix_states = prefix.states;
  out.prefix_raw = prefix.raw;
  out.prefix_mixed = prefix.mixed;
  out.positions = prefix.positions;
  out.tower_mean = prefix.tower_mean;
  const auto end = static_cast<std::int64_t>(ids.size());
  if (!depth.forward || end == prefix.length) return out;
  prefix.cache->truncate(prefix.length);  // an earlier attempt may have stopped partway
  DecodeOptions options;
  options.cache = prefix.cache.get();
  options.positions = next_positions(prefix.positions, end - prefix.length);
  out.positions = torch::cat({prefix.positions, options.positions}, -1);
  const auto x = model->embed(ids_tensor(model, ids, prefix.length, end));
  auto run = run_layers(model, x, options, depth.suffix, depth.suffix_norm, request);
  out.suffix_states = std::move(run.states);
  out.suffix_mixed = std::move(run.mixed);
  return out;
}

SampleStates run_plain(Vlm& model, const std::vector<std::int64_t>& ids, const std::vector<torch::Tensor>& pixels,
                       const SignalRequest& request) {
  SampleStates out;
  out.prefix = static_cast<std::int64_t>(ids.size());
  const auto encoded = encode(model, ids, out.prefix, pixels, true);
  out.tower_mean = encoded.tower_mean;
  out.positions = encoded.input.positions;
  auto run = run_layers(model, encoded.input.embeddings, decode_options(encoded.input, nullptr), -1, true, request);
  out.prefix_states = std::move(run.states);
  out.prefix_raw = std::move(run.raw);
  out.prefix_mixed = std::move(run.mixed);
  return out;
}

torch::Tensor instruction_attention(Vlm& model, const SampleStates& states, std::int64_t layer,
                                    const TokenPositions& where, const torch::Tensor& prefix_keys) {
  const auto visual = index(model, where.visual);
  std::vector<std::int64_t> query_positions;
  for (const auto position : where.user) {
    if (!where.visual.empty() && position > where.visual.front()) query_positions.push_back(position);
  }
  if (query_positions.empty()) return torch::zeros({visual.size(0)}, torch::kFloat32);
  auto keys = prefix_keys;
  const auto rest = states.suffix_states.find(layer - 1);
  if (rest != states.suffix_states.end() && query_positions.back() >= states.prefix) {
    const auto suffix = states.positions.slice(-1, states.prefix);
    keys = torch::cat({keys, keys_of(model, layer, rest->second, suffix)}, 2);
  }
  auto& block = model->decoder()->layer(layer - 1);
  const auto places = index(model, query_positions);
  const auto normed = block->input_layernorm(states.rows(layer - 1, query_positions)).unsqueeze(0);
  const auto queries =
      block->self_attn->queries(normed, model->decoder()->rope(states.positions.index_select(-1, places)));
  const auto allowed = arange(model, 0, keys.size(2)).unsqueeze(0).le(places.unsqueeze(1));
  const auto probabilities = attention_rows(queries, keys, allowed.unsqueeze(0).unsqueeze(0));
  return average(probabilities, visual, static_cast<std::int64_t>(where.user.size()));
}

torch::Tensor plain_attention(Vlm& model, const SampleStates& states, std::int64_t layer, const TokenPositions& where) {
  if (where.user.empty()) return torch::zeros({static_cast<std::int64_t>(where.visual.size())}, torch::kFloat32);
  const auto map = model->attention_rows(layer, states.prefix_states.at(layer - 1), arange(model, 0, states.prefix),
                                         states.positions);
  return average(map.index_select(2, index(model, where.user)), index(model, where.visual),
                 static_cast<std::int64_t>(where.user.size()));
}

AnswerLoss answer_loss(Vlm& model, const SampleStates& states, const RenderedChat& chat, std::span<const Turn> turns) {
  std::vector<std::int64_t> slot(turns.size(), -1);  // message -> assistant turn
  AnswerLoss loss;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (turns[i].role != Role::kAssistant) continue;
    slot[i] = static_cast<std::int64_t>(loss.turn_sums.size());
    loss.turn_sums.push_back(0);
    loss.turn_tokens.push_back(0);
  }
  std::vector<std::int64_t> before, targets, turn;
  for (std::size_t t = 1; t < chat.ids.size(); ++t) {
    if (chat.roles[t] != TokenRoleTag::kAssistant) continue;
    before.push_back(static_cast<std::int64_t>(t) - 1);
    targets.push_back(chat.ids[t]);
    turn.push_back(slot[chat.turns[t]]);
  }
  if (before.empty()) return loss;
  const auto rows = states.rows(-1, before);
  const auto target_ids = index(model, targets);
  for (std::int64_t at = 0; at < rows.size(0); at += kLogitRows) {
    const auto count = std::min(kLogitRows, rows.size(0) - at);
    const auto logits = model->logits(rows.narrow(0, at, count)).to(torch::kFloat32);
    const auto logs = torch::log_softmax(logits, -1);
    const auto nll =
        torch::nll_loss(logs, target_ids.narrow(0, at, count), {}, at::Reduction::None).to(torch::kFloat64);
    // ||p - e_y||^2 = (1 - p_y)^2 + sum of p_v^2 over v != y; written so that confident tokens keep their digits.
    const auto target = target_ids.narrow(0, at, count).unsqueeze(1);
    const auto others = (2 * logs).exp().scatter(1, target, 0).sum(-1).to(torch::kFloat64);
    const auto losses = nll.cpu(), errors = (others + torch::expm1(-nll).square()).sqrt().cpu();
    for (std::int64_t i = 0; i < count; ++i) {
      const double value = losses.const_data_ptr<double>()[i];
      loss.sum += value;
      loss.error_norms += errors.const_data_ptr<double>()[i];
      loss.turn_sums[turn[at + i]] += value;
      ++loss.turn_tokens[turn[at + i]];
    }
  }
  loss.tokens = static_cast<std::int64_t>(before.size());
  return loss;
}

AnswerLoss lone_answer_loss(Vlm& model, const ChatTemplate& chat, std::span<const Turn> turns) {
  SignalRequest request;
  request.answer_loss = true;
  AnswerLoss all;
  for (const auto& turn : turns) {
    if (turn.role != Role::kAssistant) continue;
    const std::span<const Turn> lone(&turn, 1);
    const auto rendered = chat.render(lone, {});
    all.turn_sums.push_back(0);
    all.turn_tokens.push_back(0);
    if (std::find(rendered.roles.begin(), rendered.roles.end(), TokenRoleTag::kAssistant) == rendered.roles.end()) {
      continue;
    }
    SampleStates states;
    states.prefix = rendered.size();
    const auto x = model->embed(ids_tensor(model, rendered.ids, 0, states.prefix));
    states.prefix_states = run_layers(model, x, {}, -1, true, request).states;
    const auto loss = answer_loss(model, states, rendered, lone);
    all.sum += loss.sum;
    all.error_norms += loss.error_norms;
    all.tokens += loss.tokens;
    all.turn_sums.back() = loss.sum;
    all.turn_tokens.back() = loss.tokens;
  }
  return all;
}

}  // namespace scalselect::vlm
