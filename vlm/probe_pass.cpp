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

/// The pictures of one prefix.
struct SeenPictures {
  torch::Tensor tower_mean;
  VisualTokens visual;  // rows [V, d]; undefined unless requested
};

/// Part `count` after `begin` of the rows [.., width].
torch::Tensor part_of(const torch::Tensor& rows, std::int64_t begin, std::int64_t count) {
  return rows.flatten(0, -2).narrow(0, begin, count);
}

/// One pass of the tower, and of the projector if `project`, over all pictures.
std::vector<SeenPictures> see(Vlm& model, std::span<const PrefixInput> inputs, bool project) {
  std::vector<torch::Tensor> pixels;
  for (const auto& input : inputs) pixels.insert(pixels.end(), input.pixels.begin(), input.pixels.end());
  const auto features = model->encode(pixels);
  std::int64_t tokens = 0;
  for (const auto& grid : features.grids) tokens += grid.tokens();
  const auto rows_each = features.features.numel() / features.features.size(-1) / tokens;  // of a visual token
  const auto visual = project ? model->project(features) : VisualTokens{};
  std::vector<SeenPictures> out;
  std::int64_t begin = 0;
  std::size_t picture = 0;
  for (const auto& input : inputs) {
    auto& own = out.emplace_back();
    std::int64_t count = 0;
    for (std::size_t i = 0; i < input.pixels.size(); ++i) {
      own.visual.grids.push_back(features.grids[picture++]);
      count += own.visual.grids.back().tokens();
    }
    own.tower_mean = part_of(features.features, begin * rows_each, count * rows_each).to(torch::kFloat32).mean(0);
    if (project) own.visual.rows = part_of(visual.rows, begin, count);
    for (const auto& deep : visual.deep) own.visual.deep.push_back(part_of(deep, begin, count));
    begin += count;
  }
  return out;
}

/// Prefixes of similar length are padded to the same and go together.
std::int64_t padded_length(std::int64_t length) {
  constexpr std::int64_t kMultiple = 64;
  return (length + kMultiple - 1) / kMultiple * kMultiple;
}

/// Decodes prefixes of one padded length as a batch. The padding is behind them, where causal attention never looks;
/// a lone one needs none.
void decode_prefixes(Vlm& model, std::span<const PrefixInput> inputs, const std::vector<SeenPictures>& seen,
                     const std::vector<std::size_t>& members, const SignalRequest& request, const ProbeDepth& depth,
                     std::vector<std::shared_ptr<PrefixStates>>& out) {
  const std::int64_t padding = model->image_token_id() == 0 ? 1 : 0;
  const auto rows = static_cast<std::int64_t>(members.size());
  const auto first = out[members.front()]->length;
  const auto length = rows == 1 ? first : padded_length(first);
  const auto ids = torch::full({rows, length}, padding, torch::kInt64);
  std::vector<VisualTokens> visual;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto i = members[static_cast<std::size_t>(row)];
    std::copy_n(inputs[i].ids.begin(), out[i]->length, ids[row].data_ptr<std::int64_t>());
    visual.push_back(seen[i].visual);
    model->check_image_tokens(ids[row].eq(model->image_token_id()).sum().item<std::int64_t>(), visual.back().rows);
  }
  const auto input = model->assemble(ids, rows == 1 ? visual.front() : concatenate(visual));
  KvCache cache(depth.prefix);
  auto run =
      run_layers(model, input.embeddings, decode_options(input, &cache), depth.prefix, depth.prefix_norm, request);
  std::map<std::int64_t, torch::Tensor> keys;
  for (const auto& spec : request.early) {
    const auto layer = spec.attention_layer;
    if (layer <= depth.prefix) keys[layer] = cache.keys(layer - 1);
    else keys[layer] = keys_of(model, layer, run.states.at(layer - 1), input.positions);
  }
  // A copy of its own for each of several, so that one does not keep the memory of all.
  const auto own = [&](const torch::Tensor& x, std::int64_t row, std::int64_t axis, std::int64_t count) {
    return rows == 1 ? x : x.narrow(0, row, 1).narrow(axis, 0, count).clone();
  };
  for (std::int64_t row = 0; row < rows; ++row) {
    auto& prefix = *out[members[static_cast<std::size_t>(row)]];
    for (const auto& [from, to] :
         {std::pair{&run.states, &prefix.states}, {&run.raw, &prefix.raw}, {&run.mixed, &prefix.mixed}}) {
      for (const auto& [layer, x] : *from) (*to)[layer] = own(x, row, 1, prefix.length);
    }
    for (const auto& [layer, x] : keys) prefix.keys[layer] = own(x, row, 2, prefix.length);
    const bool shared = input.positions.size(-2) == 1;
    prefix.positions = input.positions.narrow(-2, shared ? 0 : row, 1).narrow(-1, 0, prefix.length);
    prefix.cache = std::make_unique<KvCache>(cache);
    if (rows > 1) prefix.cache->select_rows(torch::tensor({row}).to(model->device()));
    prefix.cache->truncate(prefix.length);
  }
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

std::vector<std::shared_ptr<PrefixStates>> run_prefixes(Vlm& model, std::span<const PrefixInput> inputs,
                                                        const SignalRequest& request, const ProbeDepth& depth) {
  std::vector<std::shared_ptr<PrefixStates>> out;
  for (const auto& input : inputs) {
    auto& prefix = *out.emplace_back(std::make_shared<PrefixStates>());
    const auto image = model->image_token_id();
    prefix.length =
        static_cast<std::int64_t>(input.ids.rend() - std::find(input.ids.rbegin(), input.ids.rend(), image));
  }
  if (!depth.forward && !request.tower_mean) return out;
  const auto seen = see(model, inputs, depth.forward);
  std::map<std::int64_t, std::vector<std::size_t>> by_length;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    out[i]->tower_mean = seen[i].tower_mean;
    by_length[padded_length(out[i]->length)].push_back(i);
  }
  if (!depth.forward) return out;
  for (const auto& [length, members] : by_length) decode_prefixes(model, inputs, seen, members, request, depth, out);
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
  const PrefixInput whole{ids, pixels};
  const auto seen = see(model, std::span(&whole, 1), /*project=*/true).front();
  out.tower_mean = seen.tower_mean;
  const auto input = model->assemble(torch::tensor(ids, torch::kInt64).unsqueeze(0), seen.visual);
  out.positions = input.positions;
  auto run = run_layers(model, input.embeddings, decode_options(input, nullptr), -1, true, request);
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
