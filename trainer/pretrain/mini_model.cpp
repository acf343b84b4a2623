#include "trainer/pretrain/mini_model.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <string>

#include "data/mini/lexicon.h"
#include "data/mini/scene.h"

namespace scalselect::pretrain {

namespace {

bool contains(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

double initial_deviation(const std::string& name, const torch::Tensor& weight) {
  const auto fan_in = static_cast<double>(weight.numel() / weight.size(0));
  if (contains(name, "position_embedding")) return 0.25;
  if (contains(name, "class_embedding")) return 0.25;
  if (contains(name, "embed_tokens") || contains(name, "lm_head")) return 0.3;
  if (contains(name, "vision_tower")) return 1.0 / std::sqrt(fan_in);
  return 0.6 / std::sqrt(fan_in);
}

bool is_norm(const std::string& name) { return contains(name, "norm") || contains(name, "layrnorm"); }

}  // namespace

vlm::LlavaConfig mini_config(const MiniShape& shape) {
  vlm::LlavaConfig config;
  auto& vision = config.vision;
  vision.hidden_size = shape.tower_hidden;
  vision.intermediate_size = shape.tower_mlp;
  vision.num_hidden_layers = shape.tower_layers;
  vision.num_attention_heads = shape.tower_heads;
  vision.image_size = mini::kImageSize;
  vision.patch_size = mini::kPatchSize;
  vision.projection_dim = shape.tower_hidden;
  auto& text = config.text;
  text.vocab_size = static_cast<std::int64_t>(mini::lexicon().size());
  text.hidden_size = shape.text_hidden;
  text.intermediate_size = shape.text_mlp;
  text.num_hidden_layers = shape.text_layers;
  text.num_attention_heads = text.num_key_value_heads = shape.text_heads;
  text.head_dim = shape.text_hidden / shape.text_heads;
  text.rms_norm_eps = 1e-5;
  text.pad_token_id = mini::piece_id("<pad>");
  config.pad_token_id = text.pad_token_id;
  config.image_token_id = *mini::piece_id("<image>");
  config.vision_feature_layers = {-1};
  config.dtype = "bfloat16";
  return config;
}

void initialise(vlm::LlavaModel& model, std::int64_t seed) {
  torch::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(seed));
  for (auto& item : model->named_parameters()) {
    auto& weight = item.value();
    if (is_norm(item.key())) {
      weight.fill_(contains(item.key(), "bias") ? 0.0 : 1.0);
    } else if (contains(item.key(), "bias")) {
      weight.zero_();
    } else {
      weight.normal_(0.0, initial_deviation(item.key(), weight), generator);
    }
  }
}

void match_attention(vlm::LlavaModel& model) {
  torch::NoGradGuard no_grad;
  for (std::int64_t i = 0; i < model->config().text.num_hidden_layers; ++i) {
    auto& attention = model->decoder()->layer(i)->self_attn;
    attention->k_proj->weight.copy_(attention->q_proj->weight);
    attention->o_proj->weight.copy_(attention->v_proj->weight.t());
  }
}

void whiten_projector(vlm::LlavaModel& model, const torch::Tensor& features, std::int64_t seed) {
  torch::NoGradGuard no_grad;
  auto& first = model->projector()->linear_1;
  const auto samples = features.to(torch::kDouble);
  const auto mean = samples.mean(0);
  const auto centred = samples - mean;
  const auto covariance = centred.t().matmul(centred) / samples.size(0);
  auto [values, vectors] = torch::linalg_eigh(covariance);
  // Directions with almost no variance are noise: they are not scaled up to full strength.
  const auto scale = (values.clamp_min(0) + 0.01 * values.mean()).rsqrt();
  auto generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(seed) + 1);
  const auto random = torch::empty({first->out_features(), first->in_features()}, torch::kDouble)
                          .normal_(0.0, 1.0 / std::sqrt(static_cast<double>(first->in_features())), generator);
  const auto weight = random.matmul(vectors * scale).matmul(vectors.t());
  first->weight.copy_(weight);
  first->bias.copy_(-weight.matmul(mean));
}

NamedTensors select_parameters(vlm::LlavaModel& model, bool tower, bool projector, bool embeddings, bool decoder) {
  NamedTensors chosen;
  for (auto& item : model->named_parameters()) {
    const auto& name = item.key();
    const bool selected = contains(name, "vision_tower")            ? tower && !contains(name, "post_layernorm")
                          : contains(name, "multi_modal_projector") ? projector
                          : contains(name, "embed_tokens")          ? embeddings
                                                                    : decoder;
    item.value().requires_grad_(selected);
    if (selected) chosen.emplace_back(name, item.value());
  }
  return chosen;
}

}  // namespace scalselect::pretrain
