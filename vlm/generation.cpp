#include "vlm/generation.h"

#include <algorithm>

#include "core/error.h"

namespace scalselect::vlm {

namespace {

struct Prefill {
  DecoderInput input;
  torch::Tensor ids, keep;  // int64 [B, S]
  bool padded = false;
};

Prefill prepare(Vlm& model, const std::vector<GreedyPrompt>& prompts, const GreedyOptions& options) {
  std::int64_t length = 0;
  for (const auto& prompt : prompts) {
    length = std::max(length, padded_length(static_cast<std::int64_t>(prompt.ids.size()), options));
  }
  const auto rows = static_cast<std::int64_t>(prompts.size());
  auto ids = torch::full({rows, length}, options.pad_id, torch::kInt64);
  auto keep = torch::zeros({rows, length}, torch::kInt64);
  std::vector<VisualTokens> visual;
  Prefill out;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto& prompt = prompts[row];
    const auto count = static_cast<std::int64_t>(prompt.ids.size());
    ids[row].slice(0, length - count).copy_(torch::tensor(prompt.ids, torch::kInt64));
    keep[row].slice(0, length - count).fill_(1);
    out.padded = out.padded || count < length;
    visual.push_back(prompt.visual);
  }
  out.ids = ids.to(model->device());
  out.keep = keep.to(model->device());
  out.input = model->assemble(out.ids, concatenate(visual), out.keep);
  return out;
}

/// Which ids each row has seen, bool [B, vocab], and the effect on its logits.
class Repetition {
 public:
  Repetition(const Prefill& prefill, std::int64_t vocab, double penalty) : penalty_(penalty) {
    if (penalty == 1.0) return;
    seen_ = torch::zeros({prefill.ids.size(0), vocab}, prefill.ids.options());
    seen_ = seen_.scatter_add(1, prefill.ids, prefill.keep).gt(0);
  }
  void select_rows(const torch::Tensor& rows) {
    if (seen_.defined()) seen_ = seen_.index_select(0, rows);
  }
  torch::Tensor apply(const torch::Tensor& logits) const {
    if (!seen_.defined()) return logits;
    return torch::where(seen_, torch::where(logits.lt(0), logits * penalty_, logits / penalty_), logits);
  }
  void add(const torch::Tensor& next) {
    if (seen_.defined()) seen_.scatter_(1, next.unsqueeze(1), true);
  }

 private:
  double penalty_;
  torch::Tensor seen_;
};

/// The next position of each row, int64 [B, 1] (or [3, B, 1]).
torch::Tensor next_position(const torch::Tensor& positions, const torch::Tensor& keep) {
  const auto largest = std::get<0>((positions * keep).max(-1, true));
  return positions.dim() == 3 ? largest.amax(0, true).expand({3, -1, -1}) + 1 : largest + 1;
}

class Answers {
 public:
  Answers(std::int64_t rows, const GreedyOptions& options) : options_(options), ids_(rows), done_(rows, false) {}

  /// Appends one id per row; true when every row has ended.
  bool append(const torch::Tensor& next) {
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

/// `best`: the largest logit of each row, NaN if any is.
void check_finite(const torch::Tensor& best) {
  if (torch::isfinite(best).all().item<bool>()) return;
  throw UserError(ErrorKind::kDiverged, "The model's logits are NaN or infinite, so there is no answer",
                  "Use dtype=float32 or bfloat16; if that does not help, the model or adapter is damaged or diverged.");
}

}  // namespace

std::int64_t padded_length(std::int64_t length, const GreedyOptions& options) {
  const auto step = std::max<std::int64_t>(1, options.length_multiple);
  return (length + step - 1) / step * step;
}

std::vector<std::vector<std::int64_t>> generate_greedy(Vlm model, const std::vector<GreedyPrompt>& prompts,
                                                       const GreedyOptions& options) {
  torch::NoGradGuard no_grad;
  const auto rows = static_cast<std::int64_t>(prompts.size());
  Answers answers(rows, options);
  if (rows == 0 || options.max_new_tokens <= 0) return std::move(answers).ids();
  const auto prefill = prepare(model, prompts, options);
  const auto& input = prefill.input;
  KvCache cache(model->text().num_hidden_layers);
  DecodeOptions decode;
  decode.cache = &cache;
  decode.positions = input.positions;
  decode.deep = input.deep;
  decode.tail = std::min(input.embeddings.size(1), std::max<std::int64_t>(1, options.least_rows / rows));
  if (prefill.padded) decode.mask = causal_mask(prefill.keep, input.embeddings.size(1), model->dtype());
  auto states = model->decode(input.embeddings, decode).slice(1, -1);

  auto keep = prefill.keep;
  auto position = next_position(input.positions, keep);
  Repetition repetition(prefill, model->text().vocab_size, options.repetition_penalty);
  const auto filled = std::max(rows, options.least_rows);
  if (filled > rows) {  // repeat rows: their answers are dropped
    const auto again = torch::arange(filled, keep.options()).remainder(rows);
    states = states.index_select(0, again);
    keep = keep.index_select(0, again);
    position = position.index_select(-2, again);
    repetition.select_rows(again);
    cache.select_rows(again);
  }
  decode.tail = 0;
  decode.deep = {};
  while (true) {
    const auto logits = repetition.apply(model->logits(states.squeeze(1)).to(torch::kFloat32));
    const auto next = logits.argmax(-1);
    check_finite(logits.gather(1, next.unsqueeze(1)));
    repetition.add(next);
    if (answers.append(next.narrow(0, 0, rows).contiguous().cpu())) break;
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
