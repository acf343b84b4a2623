#include "vlm/generation.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <optional>

#include "core/error.h"

namespace scalselect::vlm {

namespace {

/// Token ids as a batch, padded on the left.
struct Rows {
  torch::Tensor ids, keep;  // int64 [B, S]
};

/// The ids of `prompts` from `begin` on, at `length`.
Rows padded_rows(const std::vector<const GreedyPrompt*>& prompts, std::int64_t begin, std::int64_t length,
                 std::int64_t pad_id) {
  const auto rows = std::ssize(prompts);
  auto ids = torch::full({rows, length}, pad_id, torch::kInt64);
  auto keep = torch::zeros({rows, length}, torch::kInt64);
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto& all = prompts[row]->ids;
    const std::vector<std::int64_t> own(all.begin() + begin, all.end());
    const auto count = std::ssize(own);
    ids[row].slice(0, length - count).copy_(torch::tensor(own, torch::kInt64));
    keep[row].slice(0, length - count).fill_(1);
  }
  return {ids, keep};
}

/// The position after the last of each row, int64 [B, 1] (or [3, B, 1]).
torch::Tensor next_position(const torch::Tensor& positions, const torch::Tensor& keep) {
  const auto largest = std::get<0>((positions * keep).max(-1, true));
  return positions.dim() == 3 ? largest.amax(0, true).expand({3, -1, -1}) + 1 : largest + 1;
}

/// A batch that is read up to its last position.
struct Read {
  std::shared_ptr<KvCache> cache;
  torch::Tensor states;    ///< [B, 1, d] of the last position
  torch::Tensor ids;       ///< of the prompts, int64 [B, length]
  torch::Tensor keep;      ///< 1 = real, int64 [B, length]
  torch::Tensor position;  ///< of the next token
};

/// Whether attention is masked: wherever padding may occur, even if no row of the batch is padded, since which kernel
/// runs must not depend on the other rows.
bool is_masked(const GreedyOptions& options) { return options.length_multiple > 1; }

DecodeOptions decode_options(const DecoderInput& input, KvCache& cache, std::int64_t tail) {
  DecodeOptions decode;
  decode.cache = &cache;
  decode.positions = input.positions;
  decode.deep = input.deep;
  decode.tail = std::min(input.embeddings.size(1), tail);
  return decode;
}

/// Pictures and what comes before them, one row for each distinct prefix; nothing is padded.
Read read_prefixes(Vlm& model, const std::vector<const GreedyPrompt*>& firsts) {
  const auto length = firsts.front()->prefix;
  std::vector<torch::Tensor> ids;
  std::vector<VisualTokens> visual;
  for (const auto* prompt : firsts) {
    ids.push_back(torch::tensor(at::IntArrayRef(prompt->ids).slice(0, length), torch::kInt64));
    visual.push_back(prompt->visual);
  }
  Read out{
      std::make_shared<KvCache>(model->text().num_hidden_layers), {}, torch::stack(ids).to(model->device()), {}, {}};
  out.keep = torch::ones_like(out.ids);
  const auto input = model->assemble(out.ids, concatenate(visual));
  model->decode(input.embeddings, decode_options(input, *out.cache, 1));
  out.position = next_position(
      input.positions.expand_as(input.positions.dim() == 3 ? out.keep.unsqueeze(0).expand({3, -1, -1}) : out.keep),
      out.keep);
  return out;
}

/// Reads what follows the prefixes: row i goes on from row `from[i]` of `prefixes`.
Read read_rest(Vlm& model, const Read& prefixes, const std::vector<std::int64_t>& from,
               const std::vector<const GreedyPrompt*>& prompts, std::int64_t length, const GreedyOptions& options) {
  const auto device = model->device();
  const auto rows = padded_rows(prompts, prompts.front()->prefix, length, options.pad_id);
  const auto origin = torch::tensor(from, torch::kInt64).to(device);
  Read out{std::make_shared<KvCache>(prefixes.cache, from), {}, {}, {}, {}};
  const auto ids = rows.ids.to(device), keep = rows.keep.to(device);
  out.ids = torch::cat({prefixes.ids.index_select(0, origin), ids}, 1);
  out.keep = torch::cat({prefixes.keep.index_select(0, origin), keep}, 1);
  DecoderInput input;
  input.embeddings = model->embed(ids);
  input.positions = prefixes.position.index_select(-2, origin) + (keep.cumsum(1) - 1).clamp_min(0);
  auto decode = decode_options(input, *out.cache, std::max<std::int64_t>(1, options.least_rows / std::ssize(prompts)));
  decode.mask = causal_mask(keep, length, model->dtype());
  out.states = model->decode(input.embeddings, decode).slice(1, -1);
  out.position = next_position(input.positions, keep);
  return out;
}

/// Reads prompts that share nothing, at `length`.
Read read_whole(Vlm& model, const std::vector<const GreedyPrompt*>& prompts, std::int64_t length,
                const GreedyOptions& options) {
  const auto rows = padded_rows(prompts, 0, length, options.pad_id);
  std::vector<VisualTokens> visual;
  for (const auto* prompt : prompts) visual.push_back(prompt->visual);
  Read out{std::make_shared<KvCache>(model->text().num_hidden_layers),
           {},
           rows.ids.to(model->device()),
           rows.keep.to(model->device()),
           {}};
  const auto input = model->assemble(out.ids, concatenate(visual), out.keep);
  auto decode = decode_options(input, *out.cache, std::max<std::int64_t>(1, options.least_rows / std::ssize(prompts)));
  if (is_masked(options)) decode.mask = causal_mask(out.keep, length, model->dtype());
  out.states = model->decode(input.embeddings, decode).slice(1, -1);
  out.position = next_position(input.positions, out.keep);
  return out;
}

/// Which ids each row has seen, bool [B, vocab], and the effect on its logits.
class Repetition {
 public:
  Repetition(const Read& read, std::int64_t vocab, double penalty) : penalty_(penalty) {
    if (penalty == 1.0) return;
    seen_ = torch::zeros({read.ids.size(0), vocab}, read.ids.options());
    seen_ = seen_.scatter_add(1, read.ids, read.keep).gt(0);
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

class Answers {
 public:
  Answers(std::int64_t count, const GreedyOptions& options) : options_(options), ids_(count) {
    for (std::int64_t i = 0; i < count; ++i) open_.push_back({i, i});
  }

  /// Appends one id to each answer that has not ended; `next`: those of the batch's rows, int64 on the CPU.
  void append(const torch::Tensor& next) {
    const auto* values = next.const_data_ptr<std::int64_t>();
    for (const auto& [answer, row] : open_) ids_[answer].push_back(values[row]);
    std::erase_if(open_, [&](const Open& open) { return ended(ids_[open.answer]); });
  }

  /// Rows of the batch whose answers have not ended.
  std::vector<std::int64_t> rows() const {
    std::vector<std::int64_t> rows;
    for (const auto& open : open_) rows.push_back(open.row);
    return rows;
  }
  /// The batch has been narrowed to `rows()`, in that order.
  void narrowed() {
    for (std::size_t i = 0; i < open_.size(); ++i) open_[i].row = static_cast<std::int64_t>(i);
  }
  std::vector<std::vector<std::int64_t>> ids() && { return std::move(ids_); }

 private:
  struct Open {
    std::int64_t answer, row;
  };

  bool ended(const std::vector<std::int64_t>& ids) const {
    const auto& stops = options_.stop_ids;
    return std::find(stops.begin(), stops.end(), ids.back()) != stops.end() ||
           static_cast<int>(ids.size()) >= options_.max_new_tokens;
  }

  const GreedyOptions& options_;
  std::vector<std::vector<std::int64_t>> ids_;
  std::vector<Open> open_;
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

namespace {

/// The state of a batch between two tokens. It has one row for each answer that has not ended, and copies of these
/// where they are fewer than options.least_rows.
class Decoding {
 public:
  Decoding(Vlm& model, Read read, const GreedyOptions& options)
      : model_(model),
        options_(options),
        read_(std::move(read)),
        repetition_(read_, model->text().vocab_size, options.repetition_penalty) {
    if (size() >= options.least_rows) return;
    std::vector<std::int64_t> all(size());
    std::iota(all.begin(), all.end(), 0);
    keep(all);
  }

  /// The next id of each row, int64 on the CPU.
  torch::Tensor next() {
    const auto logits = repetition_.apply(model_->logits(read_.states.squeeze(1)).to(torch::kFloat32));
    last_ = logits.argmax(-1);
    check_finite(logits.gather(1, last_.unsqueeze(1)));
    repetition_.add(last_);
    return last_.cpu();
  }

  /// Narrows the batch to `rows`, if that makes it much smaller; says whether it did.
  bool narrow(const std::vector<std::int64_t>& rows) {
    if (4 * std::max<std::int64_t>(std::ssize(rows), options_.least_rows) > 3 * size()) return false;
    keep(rows);
    last_ = last_.index_select(0, kept_);
    return true;
  }

  /// Reads the ids that `next` gave.
  void step() {
    DecodeOptions decode;
    decode.cache = read_.cache.get();
    decode.positions = read_.position;
    if (is_masked(options_)) {
      read_.keep = torch::cat({read_.keep, torch::ones({size(), 1}, read_.keep.options())}, 1);
      const auto own = read_.cache->length() + 1;
      decode.mask = causal_mask(read_.keep.slice(1, read_.keep.size(1) - own), 1, model_->dtype());
    }
    read_.states = model_->decode(model_->embed(last_.unsqueeze(1)), decode);
    read_.position = read_.position + 1;
  }

 private:
  std::int64_t size() const { return read_.keep.size(0); }

  void keep(const std::vector<std::int64_t>& rows) {
    std::vector<std::int64_t> filled = rows;
    while (std::ssize(filled) < options_.least_rows) filled.push_back(filled[filled.size() - rows.size()]);
    kept_ = torch::tensor(filled, torch::kInt64).to(model_->device());
    read_.cache->select_rows(kept_);
    read_.states = read_.states.index_select(0, kept_);
    read_.keep = read_.keep.index_select(0, kept_);
    read_.position = read_.position.index_select(-2, kept_);
    repetition_.select_rows(kept_);
  }

  Vlm& model_;
  const GreedyOptions& options_;
  Read read_;
  Repetition repetition_;
  torch::Tensor last_, kept_;
};

std::vector<std::vector<std::int64_t>> answer_batch(Vlm& model, Read read, std::int64_t rows,
                                                    const GreedyOptions& options) {
  Answers answers(rows, options);
  Decoding decoding(model, std::move(read), options);
  while (true) {
    answers.append(decoding.next());
    const auto open = answers.rows();
    if (open.empty()) return std::move(answers).ids();
    if (decoding.narrow(open)) answers.narrowed();
    decoding.step();
  }
}

}  // namespace

std::vector<std::vector<std::int64_t>> generate_greedy(Vlm model, const std::vector<GreedyPrompt>& prompts,
                                                       const GreedyOptions& options) {
  torch::NoGradGuard no_grad;
  std::vector<std::vector<std::int64_t>> answers(prompts.size());
  if (options.max_new_tokens <= 0) return answers;
  // Prompts by the length of their prefix, and then by that of the rest.
  std::map<std::int64_t, std::map<std::int64_t, std::vector<std::size_t>>> batches;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto& prompt = prompts[i];
    TORCH_CHECK(prompt.prefix < std::ssize(prompt.ids), "a prefix that is the whole prompt");
    batches[prompt.prefix][padded_length(std::ssize(prompt.ids) - prompt.prefix, options)].push_back(i);
  }
  for (const auto& [prefix, by_length] : batches) {
    std::map<std::string, std::int64_t> place;  // of each distinct prefix among those read
    std::vector<const GreedyPrompt*> firsts;
    std::optional<Read> prefixes;
    if (prefix > 0) {
      for (const auto& [length, members] : by_length) {
        for (const auto i : members) {
          if (place.emplace(prompts[i].shared, std::ssize(firsts)).second) firsts.push_back(&prompts[i]);
        }
      }
      prefixes = read_prefixes(model, firsts);
    }
    for (const auto& [length, members] : by_length) {
      std::vector<const GreedyPrompt*> batch;
      std::vector<std::int64_t> from;
      for (const auto i : members) {
        batch.push_back(&prompts[i]);
        if (prefix > 0) from.push_back(place.at(prompts[i].shared));
      }
      auto read = prefix > 0 ? read_rest(model, *prefixes, from, batch, length, options)
                             : read_whole(model, batch, length, options);
      auto ids = answer_batch(model, std::move(read), std::ssize(batch), options);
      for (std::size_t k = 0; k < members.size(); ++k) answers[members[k]] = std::move(ids[k]);
    }
  }
  return answers;
}

}  // namespace scalselect::vlm
