#include "trainer/loss.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "trainer/cross_entropy.h"

namespace scalselect::trainer {

void Batch::to(torch::Device device) {
  if (device.is_cpu()) return;
  for (auto* tensor : {&ids, &places, &rows, &targets}) *tensor = tensor->to(device);
  spans.to(device);
}

namespace {

torch::Tensor tensor_of(const std::vector<std::int64_t>& values) { return torch::tensor(values, torch::kInt64); }

/// Appends sample after sample.
class Packer {
 public:
  void add(const TrainingSample& sample) {
    const auto begin = std::ssize(ids_);
    ids_.insert(ids_.end(), sample.ids.begin(), sample.ids.end());
    for (std::int64_t t = 0; t < sample.length(); ++t) {
      places_.push_back(t);
      if (t == 0 || sample.supervised[t] == 0) continue;
      rows_.push_back(begin + t - 1);
      targets_.push_back(sample.ids[t]);
    }
    close();
    batch_.images.insert(batch_.images.end(), sample.images.begin(), sample.images.end());
    batch_.images_per_sample.push_back(std::ssize(sample.images));
  }

  void fill(std::int64_t pad_id, std::int64_t align) {
    batch_.tokens = std::ssize(ids_);
    batch_.supervised = std::ssize(targets_);
    const auto missing = [align](const auto& list) { return (align - std::ssize(list) % align) % align; };
    if (const auto extra = missing(ids_); extra > 0) {
      ids_.insert(ids_.end(), extra, pad_id);
      for (std::int64_t t = 0; t < extra; ++t) places_.push_back(t);
      close();
    }
    const auto extra = missing(targets_);
    rows_.insert(rows_.end(), extra, std::ssize(ids_) - 1);
    targets_.insert(targets_.end(), extra, kNoTarget);
    batch_.asked.back() = std::ssize(rows_);
  }

  Batch finish() {
    batch_.ids = tensor_of(ids_).unsqueeze(0);
    batch_.places = tensor_of(places_).unsqueeze(0);
    batch_.rows = tensor_of(rows_);
    batch_.targets = tensor_of(targets_);
    batch_.spans = Spans(std::move(starts_));
    return std::move(batch_);
  }

 private:
  void close() {
    starts_.push_back(std::ssize(ids_));
    batch_.asked.push_back(std::ssize(rows_));
  }

  Batch batch_ = [] {
    Batch batch;
    batch.asked = {0};
    return batch;
  }();
  std::vector<std::int64_t> ids_, places_, rows_, targets_, starts_ = {0};
};

}  // namespace

Batch collate(const TrainingSet& set, std::span<const std::int64_t> indices, std::int64_t pad_id, std::int64_t align) {
  Packer packer;
  for (const auto index : indices) packer.add(set.samples[index]);
  packer.fill(pad_id, align);
  return packer.finish();
}

namespace {

/// Positions as the decoder takes them: [1, T], or [3, 1, T] with M-RoPE, whose images each sample counts for itself.
torch::Tensor positions_of(vlm::Vlm model, const Batch& batch, const std::vector<vlm::VisualGrid>& grids) {
  if (model->text().mrope_section.empty()) return batch.places;
  const auto ids = batch.ids.cpu();
  std::vector<torch::Tensor> parts;
  auto next = grids.begin();
  for (std::int64_t i = 0; i < batch.spans.count(); ++i) {
    const auto images = i < std::ssize(batch.images_per_sample) ? batch.images_per_sample[i] : 0;
    SCALSELECT_CHECK(images <= grids.end() - next);
    parts.push_back(vlm::mrope_positions(ids.narrow(1, batch.spans.begin(i), batch.spans.length(i)),
                                         {next, next + images}, model->image_token_id()));
    next += images;
  }
  return torch::cat(parts, 2).to(batch.ids.device());
}

/// The tokens whose states are wanted behind the last layer.
struct Chosen {
  torch::Tensor rows, places;
  const std::vector<std::int64_t>& asked;
};

/// A decoder layer at all positions, or behind its keys and values at the chosen ones.
torch::Tensor run_layer(vlm::LlamaLayer& layer, torch::Tensor x, const vlm::Rope& angles, const Spans& spans,
                        const Chosen* chosen = nullptr) {
  auto& attention = layer->self_attn;
  auto asking = layer->input_layernorm(x);
  const auto k = attention->keys(asking, angles), v = attention->values(asking);
  torch::Tensor mixed;
  if (chosen == nullptr) {
    mixed = packed_attention(attention->queries(asking, angles), k, v, spans);
  } else {
    x = x.index_select(1, chosen->rows);
    const vlm::Rope there{angles.cos.index_select(2, chosen->rows), angles.sin.index_select(2, chosen->rows)};
    const auto q = attention->queries(asking.index_select(1, chosen->rows), there);
    mixed = packed_attention(q, k, v, spans, chosen->asked, chosen->places);
  }
  const auto attended = x + attention->o_proj(mixed);
  return attended + layer->mlp(layer->post_attention_layernorm(attended));
}

torch::Tensor add_deep(const torch::Tensor& x, const torch::Tensor& rows, const torch::Tensor& features) {
  return x.index_add(1, rows, features.to(x.scalar_type()).unsqueeze(0));
}

}  // namespace

torch::Tensor supervised_states(vlm::Vlm model, const Batch& batch, const vlm::VisualTokens& visual,
                                const Recompute& recompute) {
  auto& decoder = model->decoder();
  const auto last = decoder->config().num_hidden_layers - 1, deep = std::ssize(visual.deep);
  SCALSELECT_CHECK(last >= deep);
  const auto angles = decoder->rope(positions_of(model, batch, visual.grids));
  torch::Tensor looked;  // positions of visual tokens
  if (deep > 0) looked = batch.ids[0].eq(model->image_token_id()).nonzero().squeeze(1);
  auto x = model->merge(model->embed(batch.ids), batch.ids, visual.rows);

  // Only what the group captures survives until the backward pass; DeepStack's features are constants.
  auto layers = [decoder, angles, spans = batch.spans, looked, features = visual.deep](
                    torch::Tensor state, std::int64_t begin, std::int64_t end) mutable {
    for (auto i = begin; i < end; ++i) {
      state = run_layer(decoder->layer(i), state, angles, spans);
      if (i < std::ssize(features)) state = add_deep(state, looked, features[i]);
    }
    return state;
  };
  if (recompute.layers == 0) {
    x = layers(x, 0, last);
  } else {
    for (std::int64_t begin = 0; begin < last; begin += recompute.layers) {
      const auto end = std::min(begin + recompute.layers, last);
      const auto group = [layers, begin, end](const torch::Tensor& in) mutable { return layers(in, begin, end); };
      x = recomputed(group, x, recompute.random);
    }
  }
  const Chosen chosen{batch.rows, batch.places[0].index_select(0, batch.rows), batch.asked};
  return decoder->norm(run_layer(decoder->layer(last), x, angles, batch.spans, &chosen)).squeeze(0);
}

torch::Tensor loss_sum(vlm::Vlm model, const Batch& batch, const vlm::TowerOutput& tower, const Recompute& recompute) {
  vlm::VisualTokens visual;
  if (!batch.images.empty()) visual = model->project(tower);
  const auto states = supervised_states(model, batch, visual, recompute);
  auto& head = model->lm_head();
  if (head.is_empty()) return head_loss_sum(states, model->decoder()->embed_tokens->weight, batch.targets);
  if (!head->has_lora()) return head_loss_sum(states, head->weight, batch.targets);
  const auto logs = torch::log_softmax(model->logits(states), -1, torch::kFloat32);
  return torch::nll_loss(logs, batch.targets, {}, at::Reduction::Sum, kNoTarget);
}

}  // namespace scalselect::trainer
