#include "data/describe_pool.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/parallel.h"
#include "data/hash_set.h"
#include "data/image_header.h"
#include "data/picture_ref.h"
#include "data/pool_source.h"
#include "data/reason_kind.h"

namespace scalselect {
namespace {

std::int64_t words_of(std::string_view text) {
  std::int64_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!blank && !inside) ++words;
    inside = !blank;
  }
  return words;
}

std::int64_t tags_of(const Sample& sample) {
  constexpr std::string_view kTag = "<image>";
  std::int64_t tags = 0;
  for (const auto& turn : sample.turns) {
    for (auto at = turn.text.find(kTag); at != std::string::npos; at = turn.text.find(kTag, at + kTag.size())) ++tags;
  }
  return tags;
}

std::uint64_t short_hash(const std::string& text) { return std::stoull(sha256(text).substr(0, 16), nullptr, 16); }

/// Opens pictures once each, some thousand at a time by all threads.
class Pictures {
 public:
  explicit Pictures(PoolDescription& into, bool open) : into_(into), open_(open) {}

  void add(const std::string& name) {
    ++into_.picture_uses;
    if (!seen_.insert(short_hash(name))) return;
    ++into_.picture_names;
    if (!open_) return;
    waiting_.push_back(name);
    if (waiting_.size() >= kAtOnce) open_waiting();
  }

  void open_waiting() {
    std::vector<Opened> opened(waiting_.size());
    parallel_blocks(std::ssize(waiting_), kBlock, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) {
        const auto at = static_cast<std::size_t>(i);
        opened[at] = open(waiting_[at]);
      }
    });
    for (const auto& picture : opened) {
      ++into_.picture_formats[picture.format];
      if (picture.readable && contents_.insert(picture.content)) ++into_.picture_contents;
      if (picture.header.width == 0) continue;
      into_.widths.add(picture.header.width);
      into_.heights.add(picture.header.height);
    }
    waiting_.clear();
  }

 private:
  static constexpr std::size_t kAtOnce = 4096;
  static constexpr std::int64_t kBlock = 16;

  struct Opened {
    std::string format;
    ImageHeader header;
    std::uint64_t content = 0;
    bool readable = false;
  };

  static Opened open(const std::string& name) {
    Opened opened;
    try {
      if (!picture_exists(name)) return {"missing", {}, 0, false};
      const auto bytes = read_picture(name);
      opened.content = short_hash(bytes);
      opened.readable = true;
      const auto header = read_image_header(bytes);
      opened.format = header ? header->format : "unknown format";
      if (header) opened.header = *header;
    } catch (const UserError&) {
      return {"unreadable", {}, 0, false};
    }
    return opened;
  }

  PoolDescription& into_;
  bool open_;
  HashSet seen_, contents_;
  std::vector<std::string> waiting_;
};

/// Hands samples to the model some hundred at a time.
class ModelView {
 public:
  ModelView(PoolDescription& into, FeatureProbe* model) : into_(into), model_(model) {}

  void add(const Sample& sample) {
    if (model_ == nullptr) return;
    waiting_.push_back(sample);
    if (waiting_.size() >= kAtOnce) observe();
  }

  void observe() {
    if (waiting_.empty()) return;
    SignalRequest request;
    request.token_counts = true;
    model_->observe(waiting_, request, [&](const SampleSignals& signals) {
      if (!signals.reject.empty()) ++into_.unusable[reason_kind(signals.reject)];
      else if (signals.counts) into_.tokens.add(signals.counts->all);
    });
    waiting_.clear();
  }

 private:
  static constexpr std::size_t kAtOnce = 512;

  PoolDescription& into_;
  FeatureProbe* model_;
  std::vector<Sample> waiting_;
};

}  // namespace

void Distribution::add(std::int64_t value) {
  ++values_[value];
  ++count_;
  sum_ += static_cast<double>(value);
}

std::int64_t Distribution::quantile(double p) const {
  const auto wanted = static_cast<std::int64_t>(std::ceil(p * static_cast<double>(count_)));
  std::int64_t counted = 0;
  for (const auto& [value, count] : values_) {
    counted += count;
    if (counted >= wanted) return value;
  }
  return max();
}

PoolDescription describe_pool(const Pool& pool, const DescribeOptions& options) {
  PoolDescription found;
  found.rows = pool.size();
  found.problems = pool.problems();
  Pictures pictures(found, options.pictures);
  ModelView model(found, options.model);
  Progress progress("reading", "samples", pool.size());
  pool.for_each([&](Sample& sample) {
    progress.advance();
    if (!pool.usable(sample.row)) {
      ++found.left_out;
      return;
    }
    ++found.sources[source_of(sample, pool.image_root(sample.row))];
    found.text_only += sample.images.empty() ? 1 : 0;
    found.several_pictures += sample.images.size() > 1 ? 1 : 0;
    const auto tags = tags_of(sample);
    found.tags_differ += tags != 0 && tags != std::ssize(sample.images) ? 1 : 0;
    std::int64_t questions = 0;
    for (const auto& turn : sample.turns) {
      if (turn.role == Role::kUser) ++questions;
      if (turn.role == Role::kUser) found.question_words.add(words_of(turn.text));
      if (turn.role == Role::kAssistant) found.answer_words.add(words_of(turn.text));
    }
    found.questions.add(questions);
    for (const auto& name : sample.images) pictures.add(name);
    model.add(sample);
  });
  pictures.open_waiting();
  model.observe();
  return found;
}

}  // namespace scalselect
