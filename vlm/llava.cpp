#include "vlm/llava.h"

#include <cmath>

#include "core/error.h"

namespace scalselect::vlm {

LlavaProjectorImpl::LlavaProjectorImpl(const LlavaConfig& config) : activate_(activation(config.projector_act)) {
  const auto d = config.text.hidden_size;
  linear_1 = register_module("linear_1", Linear(config.feature_size(), d, config.projector_bias));
  linear_2 = register_module("linear_2", Linear(d, d, config.projector_bias));
}

LlavaModelImpl::LlavaModelImpl(const LlavaConfig& config, const ModelParts& parts) : config_(config), parts_(parts) {
  auto body = register_module("model", std::make_shared<torch::nn::Module>("model"));
  if (parts.tower) {
    auto wrapper = body->register_module("vision_tower", std::make_shared<torch::nn::Module>("vision_tower"));
    tower_ = wrapper->register_module("vision_model", ClipTower(config.vision, parts.tower_layers));
    projector_ = body->register_module("multi_modal_projector", LlavaProjector(config));
  }
  decoder_ = body->register_module("language_model", LlamaModel(config.text, parts.decoder_layers));
  if (parts.head && !config.text.tie_word_embeddings) {
    lm_head_ = register_module("lm_head", Linear(config.text.hidden_size, config.text.vocab_size, false));
  }
}

torch::Tensor LlavaModelImpl::encode_images(const torch::Tensor& pixels) {
  auto layers = tower_->states(pixels, config_.feature_layers());
  if (!config_.keep_class_token) {
    for (auto& layer : layers) layer = layer.slice(1, 1);
  }
  return layers.size() == 1 ? layers.front().contiguous() : torch::cat(layers, -1);
}

torch::Tensor LlavaModelImpl::project(const torch::Tensor& features) { return projector_(features.to(dtype())); }

torch::Tensor LlavaModelImpl::embed(const torch::Tensor& ids) { return decoder_->embed_tokens(ids); }

torch::Tensor LlavaModelImpl::merge(const torch::Tensor& embeddings, const torch::Tensor& ids,
                                    const torch::Tensor& visual) {
  const auto rows = ids.reshape({-1}).eq(config_.image_token_id).nonzero().squeeze(1);
  const auto given = visual.defined() ? visual.size(0) * visual.size(1) : 0;
  if (rows.size(0) != given) {
    throw UserError(
        ErrorKind::kInput,
        "the prompt has " + std::to_string(rows.size(0)) + " image tokens, but the images give " +
            std::to_string(given) + " features",
        "Check that the image token is expanded to " + std::to_string(config_.tokens_per_image()) + " per image.");
  }
  if (given == 0) return embeddings;
  const auto width = embeddings.size(-1);
  return embeddings.reshape({-1, width})
      .index_copy(0, rows, visual.reshape({-1, width}).to(embeddings.scalar_type()))
      .view(embeddings.sizes());
}

torch::Tensor LlavaModelImpl::decode(const torch::Tensor& embeddings, const DecodeOptions& options) {
  return decoder_->forward(embeddings, options);
}

torch::Tensor LlavaModelImpl::logits(const torch::Tensor& states) {
  if (lm_head_.is_empty()) return torch::linear(states, decoder_->embed_tokens->weight);
  return lm_head_(states);
}

torch::Tensor LlavaModelImpl::attention_rows(std::int64_t layer, const torch::Tensor& states,
                                             const torch::Tensor& queries) {
  auto& block = decoder_->layer(layer - 1);
  const auto normed = block->input_layernorm(states);
  const auto positions = torch::arange(states.size(1), queries.options());
  const auto q = block->self_attn->queries(normed.index_select(1, queries), decoder_->rope(queries.unsqueeze(0)));
  const auto k = block->self_attn->keys(normed, decoder_->rope(positions.unsqueeze(0)));
  const auto allowed = positions.unsqueeze(0).le(queries.unsqueeze(1)).unsqueeze(0).unsqueeze(0);
  return vlm::attention_rows(q, k, allowed);
}

void randomise(LlavaModel& model) {
  torch::NoGradGuard no_grad;
  for (auto& item : model->named_parameters()) {
    auto& value = item.value();
    const auto& name = item.key();
    const bool norm = name.find("norm") != std::string::npos;
    if (name.ends_with("position_embedding.weight")) value.normal_(0, 0.25);
    else if (name.ends_with("embed_tokens.weight") || name.ends_with("bias")) value.normal_(0, 0.02);
    else if (norm) value.normal_(1, 0.02);
    else if (value.dim() < 2) value.normal_(0, 0.02);
    else value.normal_(0, 1.0 / std::sqrt(static_cast<double>(value[0].numel())));
  }
}

}  // namespace scalselect::vlm
