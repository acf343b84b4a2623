#include "experiments/plan/work.h"

#include <algorithm>

namespace scalselect::plan {

std::int64_t depth_of(const SignalRequest& request, const DecoderShape& decoder) {
  const auto layer = [&](std::int64_t number) { return number < 0 ? decoder.layers : number; };
  std::int64_t depth = request.answer_loss || request.lone_loss ? decoder.layers : 0;
  for (const auto& early : request.early)
    depth = std::max({depth, layer(early.hidden_layer), std::int64_t{early.attention_layer}});
  for (const auto& mean : request.hidden_means) depth = std::max(depth, layer(mean.layer));
  return std::min(depth, decoder.layers);
}

double forward_flop(const ModelShape& model, const RowShape& row, const SignalRequest& request) {
  const auto depth = static_cast<double>(depth_of(request, model.decoder));
  const bool decoder = depth > 0 || !request.early.empty() || !request.hidden_means.empty();
  if (!decoder && !request.tower_mean) return 0;  // lengths alone: the tokenizer is enough
  double flop = row.pictures * tower_flop(model.tower, row.visual);
  if (!decoder) return flop;
  flop += row.pictures * projector_flop(model, row.visual) + layers_flop(model.decoder, depth, row.tokens());
  if (request.answer_loss) flop += head_flop(model.decoder, row.answers);
  if (request.lone_loss) flop += layers_flop(model.decoder, depth, row.text) + head_flop(model.decoder, row.answers);
  return flop;
}

std::int64_t trained_weights(const ModelShape& model, const Trained& trained) {
  auto sum = trained.lora + (trained.projector ? model.projector_weights : 0);
  const bool table = trained.embeddings || (trained.head && model.decoder.tied);
  if (table) sum += embedding_weights(model.decoder);
  if (trained.head && !model.decoder.tied) sum += embedding_weights(model.decoder);
  return sum;
}

double training_flop(const ModelShape& model, const RowShape& row, const Trained& trained, const TrainingWay& way) {
  const auto& d = model.decoder;
  const auto layers = static_cast<double>(d.layers);
  const double linears = layers * 2 * row.tokens() * static_cast<double>(layer_weights(d));
  const double again = way.checkpointed > 0 ? 1 : 0;
  return (2 + again) * linears + (3 + again) * attention_flop(d, layers, row.tokens()) +
         3 * 2 * row.tokens() * static_cast<double>(trained.lora) +
         (trained.projector ? 3 : 1) * row.pictures * projector_flop(model, row.visual) +
         (trained.head ? 3 : 2) * head_flop(d, row.answers);
}

double answer_flop(const ModelShape& model, const RowShape& prompt, double new_tokens) {
  const auto layers = static_cast<double>(model.decoder.layers);
  const double each = layers * 2 * static_cast<double>(layer_weights(model.decoder)) + head_flop(model.decoder, 1);
  return prompt.pictures * (tower_flop(model.tower, prompt.visual) + projector_flop(model, prompt.visual)) +
         layers_flop(model.decoder, layers, prompt.tokens()) + new_tokens * each;
}

double bytes_per_token(const ModelShape& model, double bytes_per_weight) {
  const auto weights = model.decoder.layers * layer_weights(model.decoder) + embedding_weights(model.decoder);
  return bytes_per_weight * static_cast<double>(weights);
}

TrainingMemory training_memory(const ModelShape& model, const RowShape& row, const Trained& trained, double batch,
                               const TrainingWay& way) {
  const auto& d = model.decoder;
  const auto q = static_cast<double>(d.heads * d.head_dim), k = static_cast<double>(d.kv_heads * d.head_dim);
  const auto h = static_cast<double>(d.hidden), i = static_cast<double>(d.intermediate);
  const double per_token_layer = 2 * (2 * h + 2 * q + 2 * k + 4 * i) + 16 * h;
  // Some rows at a time (trainer/cross_entropy.h), in bfloat16 beside float32; and the gradient of all states.
  constexpr double kLogitRows = 256;
  const double answers = batch * row.answers;
  const double logits =
      std::min(kLogitRows, answers) * (way.bfloat16 ? 6 : 4) * static_cast<double>(d.vocab) + 4 * answers * h;
  const auto changed = static_cast<double>(trained_weights(model, trained));
  const auto layers = static_cast<double>(d.layers);
  // Bytes of a weight: in four bits with its share of scales and their magnitudes (vlm/nf4.h), and in a product.
  constexpr double kNf4 = 0.5 + (1 + 4.0 / 256) / 64;
  const double product = way.bfloat16 ? 2 : 4;
  const double dequantised = way.nf4 ? product * h * std::max(i, q) : 0;
  const double saved = layers * static_cast<double>(layer_weights(d)) * (4 - (way.nf4 ? kNf4 : product));
  const auto group = std::min(layers, static_cast<double>(way.checkpointed));
  const double kept = group > 0 ? layers / group * 4 * h + group * per_token_layer : layers * per_token_layer;
  const double weights = 4 * (static_cast<double>(all_weights(model)) + static_cast<double>(trained.lora));
  return {weights - saved + dequantised, 12 * changed, batch * row.tokens() * kept + logits};
}

}  // namespace scalselect::plan
