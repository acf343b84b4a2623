#include "vlm/generation.h"

#include <algorithm>

namespace scalselect::vlm {

namespace {

struct Prefill {
  torch::Tensor embeddings, keep, positions;  // [B, S, d], int64 [B, S], int64 [B, S]
  bool padded = false;
};

Prefill prepare(LlavaModel& model, const std::vector<GreedyPrompt>& prompts, const GreedyOptions& options) {
  std::int64_t length = 0;
  for (const auto& prompt : prompts) {
    length = std::max(length, padded_length(static_cast<std::int64_t>(prompt.ids.size()), options));
  }
  const auto rows = static_cast<std::int64_t>(prompts.size());
  auto ids = torch::full({rows, length}, options.pad_id, torch::kInt64);
  auto keep = torch::zeros({rows, length}, torch::kInt64);
  std::vector<torch::Tensor> visual;
  Prefill out;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto& prompt = prompts[row];
    const auto count = static_cast<std::int64_t>(prompt.ids.size());
    ids[row].slice(0, length - count).copy_(torch::tensor(prompt.ids, torch::kInt64));
    keep[row].slice(0, length - count).fill_(1);
    out.padded = out.padded || count < length;
    if (prompt.visual.defined()) visual.push_back(prompt.visual);
  }
  ids = ids.to(model->device());
  out.keep = keep.to(model->device());
  out.positions = (out.keep.cumsum(1) - 1).clamp_min(0);
  const auto images = visual.empty() ? torch::Tensor() : torch::cat(visual, 0);
  out.embeddings = model->merge(model->embed(ids), ids, images);
  return out;
}

class Answers {
 public:
  Answers(std::int64_t rows, const GreedyOptions& options) : options_(options), ids_(rows), done_(rows, false) {}

  /// Records one id a row; true when every row has ended.
  bool take(const torch::Tensor& next) {
    const auto* values = next.const_data_ptr<std::int64_t>();
    bool all = true;
    for (std::size_t row = 0; row < ids_.size(); ++row) {
      if (!done_[row]) {
        ids_[row].push_back(values[row]);
        done_[row] =
            std::find(options_.stop_ids.begin(), options_.stop_ids.end(), values[row]) != options_.stop_ids.end() ||
            static_cast<int>(ids_[row].size()) >= options_.max_new_tokens;
      }
      all = all && done_[row];
    }
    return all;
  }

  std::vector<std::vector<std::int64_t>> ids() && { return std::move(ids_); }

 private:
  const GreedyOptions& options_;
  std::vector<std::vector<std::int64_t>> ids_;
  std::vector<bool> done_;
};

}  // namespace

std::int64_t padded_length(std::int64_t length, const GreedyOptions& options) {
  const auto step = std::max<std::int64_t>(1, options.length_multiple);
  return (length + step - 1) / step * step;
}

std::vector<std::vector<std::int64_t>> generate_greedy(LlavaModel& model, const std::vector<GreedyPrompt>& prompts,
                                                       const GreedyOptions& options) {
  torch::NoGradGuard no_grad;
  const auto rows = static_cast<std::int64_t>(prompts.size());
  Answers answers(rows, options);
  if (rows == 0 || options.max_new_tokens <= 0) return std::move(answers).ids();
  const auto prefill = prepare(model, prompts, options);
  KvCache cache(model->config().text.num_hidden_layers);
  DecodeOptions decode;
  decode.cache = &cache;
  decode.positions = prefill.positions;
  decode.tail = std::min(prefill.embeddings.size(1), std::max<std::int64_t>(1, options.least_rows / rows));
  if (prefill.padded) decode.mask = causal_mask(prefill.keep, prefill.embeddings.size(1), model->dtype());
  auto states = model->decode(prefill.embeddings, decode).slice(1, -1);

  auto keep = prefill.keep;
  const auto filled = std::max(rows, options.least_rows);
  if (filled > rows) {  // repeat rows: their answers are dropped
    const auto again = torch::arange(filled, keep.options()).remainder(rows);
    states = states.index_select(0, again);
    keep = keep.index_select(0, again);
    cache.select_rows(again);
  }
  decode.tail = 0;
  auto position = keep.sum(1, true);
  while (true) {
    const auto next = model->logits(states.squeeze(1)).to(torch::kFloat32).argmax(-1);
    if (answers.take(next.narrow(0, 0, rows).contiguous().cpu())) break;
    if (prefill.padded) {
      keep = torch::cat({keep, torch::ones({filled, 1}, keep.options())}, 1);
      decode.mask = causal_mask(keep, 1, model->dtype());
    }
    decode.positions = position;
    states = model->decode(model->embed(next.unsqueeze(1)), decode);
    position = position + 1;
  }
  return std::move(answers).ids();
}

}  // namespace scalselect::vlm
