#include "trainer/pretrain/facts_stage.h"

#include <fmt/format.h>

namespace scalselect::pretrain {

torch::Tensor fact_logits(vlm::LlavaModel& model, const torch::Tensor& features, const PackedBatch& batch) {
  const auto input = model->merge(model->embed(batch.ids), batch.ids, model->project(features));
  vlm::DecodeOptions decode;
  decode.positions = batch.positions;
  decode.mask = batch.mask;
  const auto states = model->decode(input, decode);
  return model->logits(states.reshape({-1, states.size(-1)}).index_select(0, batch.rows)).to(torch::kFloat);
}

void FactTally::add(const PackedBatch& batch, const torch::Tensor& logits) {
  const auto right = (logits.argmax(1) == batch.targets).contiguous();
  const auto* hit = right.data_ptr<bool>();
  const auto* type = batch.types.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < right.size(0); ++i) {
    right_[static_cast<std::size_t>(type[i])] += hit[i];
    total_[static_cast<std::size_t>(type[i])] += 1;
  }
}

std::string FactTally::report() {
  std::string text;
  for (std::size_t i = 0; i < right_.size(); ++i) {
    if (total_[i] == 0) continue;
    text += fmt::format("{}{} {:.0f}", text.empty() ? "" : ", ", mini::name(static_cast<mini::FactType>(i)),
                        100 * right_[i] / total_[i]);
  }
  right_.fill(0);
  total_.fill(0);
  return text;
}

}  // namespace scalselect::pretrain
