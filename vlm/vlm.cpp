#include "vlm/vlm.h"

#include <algorithm>

#include "core/error.h"

namespace scalselect::vlm {

VlmImpl::VlmImpl(const LlamaConfig& text, std::int64_t image_token_id, const ModelParts& parts)
    : text_(text), image_token_id_(image_token_id), parts_(parts) {}

void VlmImpl::build_decoder(torch::nn::Module& body) {
  decoder_ = body.register_module("language_model", LlamaModel(text_, parts_.decoder_layers));
  if (parts_.head && !text_.tie_word_embeddings) {
    lm_head_ = register_module("lm_head", Linear(text_.hidden_size, text_.vocab_size, false));
  }
}

torch::Tensor VlmImpl::embed(const torch::Tensor& ids) { return decoder_->embed_tokens(ids); }

torch::Tensor VlmImpl::image_rows(const torch::Tensor& ids) const {
  return ids.reshape({-1}).eq(image_token_id_).nonzero().squeeze(1).to(device());
}

void VlmImpl::check_image_tokens(std::int64_t count, const torch::Tensor& visual) const {
  const auto given = visual.defined() ? visual.numel() / text_.hidden_size : 0;
  if (count == given) return;
  throw UserError(ErrorKind::kInput,
                  "the prompt has " + std::to_string(count) + " image tokens, but the images give " +
                      std::to_string(given) + " features",
                  "Check that the image token is expanded to the visual tokens of each image.");
}

torch::Tensor VlmImpl::merge(const torch::Tensor& embeddings, const torch::Tensor& ids, const torch::Tensor& visual) {
  const auto rows = image_rows(ids);
  const auto width = embeddings.size(-1);
  check_image_tokens(rows.size(0), visual);
  if (rows.size(0) == 0) return embeddings;
  return embeddings.reshape({-1, width})
      .index_copy(0, rows, visual.reshape({-1, width}).to(embeddings.scalar_type()))
      .view(embeddings.sizes());
}

VisualTokens VlmImpl::project(const TowerOutput& seen) { return {project(seen.features), seen.deep, seen.grids}; }

DecoderInput VlmImpl::assemble(const torch::Tensor& ids, const VisualTokens& visual, const torch::Tensor& keep) {
  DecoderInput input;
  input.embeddings = merge(embed(ids.to(device())), ids, visual.rows);
  if (!text_.mrope_section.empty()) {
    const auto kept = keep.defined() ? keep.cpu() : keep;
    input.positions = mrope_positions(ids.cpu(), visual.grids, image_token_id_, kept).to(device());
  } else if (keep.defined()) {
    input.positions = (keep.to(device()).cumsum(1) - 1).clamp_min(0);
  } else {
    input.positions = torch::arange(ids.size(1), ids.options().device(device())).unsqueeze(0);
  }
  if (visual.deep.empty()) return input;
  input.deep.rows = image_rows(ids);
  input.deep.features = visual.deep;
  return input;
}

torch::Tensor VlmImpl::decode(const torch::Tensor& embeddings, const DecodeOptions& options) {
  return decoder_->forward(embeddings, options);
}

torch::Tensor VlmImpl::logits(const torch::Tensor& states) {
  if (lm_head_.is_empty()) return torch::linear(states, decoder_->embed_tokens->weight);
  return lm_head_(states);
}

torch::Tensor VlmImpl::attention_rows(std::int64_t layer, const torch::Tensor& states, const torch::Tensor& queries,
                                      torch::Tensor positions) {
  auto& block = decoder_->layer(layer - 1);
  const auto normed = block->input_layernorm(states);
  const auto order = torch::arange(states.size(1), queries.options());
  if (!positions.defined()) positions = order.unsqueeze(0);
  const auto q =
      block->self_attn->queries(normed.index_select(1, queries), decoder_->rope(positions.index_select(-1, queries)));
  const auto k = block->self_attn->keys(normed, decoder_->rope(positions));
  const auto allowed = order.unsqueeze(0).le(queries.unsqueeze(1)).unsqueeze(0).unsqueeze(0);
  return vlm::attention_rows(q, k, allowed);
}

std::int64_t bytes_of(const torch::Tensor& rows, const std::vector<torch::Tensor>& deep) {
  auto bytes = rows.nbytes();
  for (const auto& layer : deep) bytes += layer.nbytes();
  return static_cast<std::int64_t>(bytes);
}

TowerOutput concatenate(const std::vector<TowerOutput>& parts) {
  TowerOutput out;
  std::vector<torch::Tensor> rows;
  std::vector<std::vector<torch::Tensor>> deep;
  for (const auto& part : parts) {
    if (!part.features.defined()) continue;
    rows.push_back(part.features);
    deep.resize(part.deep.size());
    for (std::size_t j = 0; j < part.deep.size(); ++j) deep[j].push_back(part.deep[j]);
    out.grids.insert(out.grids.end(), part.grids.begin(), part.grids.end());
  }
  if (!rows.empty()) out.features = torch::cat(rows, 0);
  for (const auto& layer : deep) out.deep.push_back(torch::cat(layer, 0));
  return out;
}

VisualTokens concatenate(const std::vector<VisualTokens>& parts) {
  std::vector<TowerOutput> same;
  for (const auto& part : parts) same.push_back({part.rows, part.deep, part.grids});
  const auto out = concatenate(same);
  return {out.features, out.deep, out.grids};
}

TowerOutput to_device(const TowerOutput& seen, torch::Device device) {
  auto out = seen;
  if (out.features.defined()) out.features = out.features.to(device);
  for (auto& deep : out.deep) deep = deep.to(device);
  return out;
}

}  // namespace scalselect::vlm
