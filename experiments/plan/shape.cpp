#include "experiments/plan/shape.h"

#include <array>

namespace scalselect::plan {
namespace {

struct Linear {
  const char* name;
  std::int64_t in, out;
};

std::array<Linear, 7> linears(const DecoderShape& d) {
  const auto q = d.heads * d.head_dim, k = d.kv_heads * d.head_dim;
  return {{{"self_attn.q_proj", d.hidden, q},
           {"self_attn.k_proj", d.hidden, k},
           {"self_attn.v_proj", d.hidden, k},
           {"self_attn.o_proj", q, d.hidden},
           {"mlp.gate_proj", d.hidden, d.intermediate},
           {"mlp.up_proj", d.hidden, d.intermediate},
           {"mlp.down_proj", d.intermediate, d.hidden}}};
}

std::int64_t block_weights(const TowerShape& t) {
  return 4 * t.hidden * t.hidden + (t.gated ? 3 : 2) * t.hidden * t.intermediate;
}

}  // namespace

std::int64_t layer_weights(const DecoderShape& decoder) {
  std::int64_t sum = 0;
  for (const auto& linear : linears(decoder)) sum += linear.in * linear.out;
  return sum;
}

std::int64_t embedding_weights(const DecoderShape& decoder) { return decoder.vocab * decoder.hidden; }

std::int64_t tower_weights(const TowerShape& tower) {
  return tower.blocks * block_weights(tower) +
         (tower.patch_values + tower.position_embeddings + tower.extra_positions) * tower.hidden;
}

std::int64_t all_weights(const ModelShape& model) {
  return tower_weights(model.tower) + model.projector_weights + model.decoder.layers * layer_weights(model.decoder) +
         (model.decoder.tied ? 1 : 2) * embedding_weights(model.decoder);
}

std::int64_t lora_weights(const DecoderShape& decoder, std::int64_t rank,
                          const std::function<bool(const std::string&)>& targeted) {
  std::int64_t sum = 0;
  for (std::int64_t layer = 0; layer < decoder.layers; ++layer) {
    const auto at = "model.language_model.layers." + std::to_string(layer) + ".";
    for (const auto& linear : linears(decoder)) {
      if (targeted(at + linear.name)) sum += rank * (linear.in + linear.out);
    }
  }
  return sum;
}

double tower_flop(const TowerShape& tower, double visual_tokens) {
  const double patches = visual_tokens * static_cast<double>(tower.patches_per_token);
  const double positions = patches + static_cast<double>(tower.extra_positions), d = static_cast<double>(tower.hidden);
  const double block = 2 * positions * static_cast<double>(block_weights(tower)) + 4 * positions * positions * d;
  return 2 * patches * static_cast<double>(tower.patch_values) * d + static_cast<double>(tower.blocks) * block;
}

double projector_flop(const ModelShape& model, double visual_tokens) {
  return 2 * visual_tokens * static_cast<double>(model.projector_weights);
}

double attention_flop(const DecoderShape& decoder, double layers, double tokens) {
  return layers * 4 * tokens * tokens * static_cast<double>(decoder.heads * decoder.head_dim);
}

double layers_flop(const DecoderShape& decoder, double layers, double tokens) {
  return layers * 2 * tokens * static_cast<double>(layer_weights(decoder)) + attention_flop(decoder, layers, tokens);
}

double head_flop(const DecoderShape& decoder, double positions) {
  return 2 * positions * static_cast<double>(embedding_weights(decoder));
}

}  // namespace scalselect::plan
