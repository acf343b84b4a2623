#include "experiments/pipeline/handover_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "trainer/dataset.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;
using handover::Area;
using handover::Extent;
using handover::Rendering;
using handover::Settings;

constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max() / 2;
constexpr std::int64_t kBlock = 16;  // rows that a thread renders at a time

/// One change to either side.
struct Variation {
  std::string name;
  bool no_system = false;     ///< there: no system prompt of the template's own
  bool tags_as_ours = false;  ///< there: tags as here
  bool their_system = false;  ///< here: the template's system prompt in rows that bring none
  bool no_bos = false;        ///< here: without the first token, if it is BOS
};

/// Both renderings of a row.
struct Pair {
  Rendering there;
  trainer::RenderedRow here;
};

/// `count` rows from the front; 0: all.
std::vector<Sample> first_samples(const Pool& pool, std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count > 0 ? std::min(count, pool.size()) : pool.size()));
  std::iota(rows.begin(), rows.end(), 0);
  return pool.samples(rows);
}

class Comparison {
 public:
  Comparison(const Pool& pool, const fs::path& folder, const vlm::ChatTemplate& chat, vlm::ImageReader& images,
             const vlm::PixelLimits& limits, const HandoverCheck& check)
      : samples_(first_samples(pool, check.rows)), chat_(chat), images_(images), check_(check), tokenizer_(folder) {
    if (images.fixed_size()) return;
    const auto options = vlm::ImageProcessor::load(folder).options();
    rule_.factor = options.size_factor;
    rule_.folder = {options.bounds.least, options.bounds.most};
    const auto ours = vlm::ImageProcessor::load(folder, false, limits).options().bounds;
    rule_.ours = {ours.least, ours.most};
    rule_.resize = [](const Extent& size, std::int64_t factor, const Area& area) {
      const auto seen = vlm::smart_resize({static_cast<int>(size.height), static_cast<int>(size.width)},
                                          static_cast<int>(factor), {area.least, area.most});
      return Extent{seen.width, seen.height};
    };
  }

  /// Why neither side can use the pictures; empty: they can.
  std::string unusable(const Sample& sample) {
    for (const auto& path : sample.images) {
      if (!vlm::is_file(path)) return fmt::format("picture '{}' is missing", path);
    }
    try {
      images_.image_tokens(sample.images);
      for (const auto& path : sample.images) tokens_there(path);
    } catch (const UserError& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      return error.problem();
    }
    return {};
  }

  Rendering there(const Sample& sample, const Variation& change, std::int64_t limit) {
    const auto row = handover::spelled_row(sample, *check_.layout, check_.tags_as_ours || change.tags_as_ours);
    Settings settings = check_.settings;
    settings.max_length = limit;
    if (change.no_system) settings.system = "";
    std::vector<std::int64_t> counts;
    for (const auto& path : sample.images) counts.push_back(tokens_there(path));
    return check_.trainer->render(row, *check_.layout, settings, tokenizer_, counts);
  }

  trainer::RenderedRow here(Sample sample, const Variation& change) {
    const auto& system = check_.settings.system.value_or(check_.layout->default_system);
    if (change.their_system && !system.empty() && sample.turns.front().role != Role::kSystem) {
      sample.turns.insert(sample.turns.begin(), {Role::kSystem, system});
    }
    auto row = trainer::render_row(sample, chat_, images_.image_tokens(sample.images), kUnlimited);
    auto& made = row.sample;
    if (change.no_bos && !made.ids.empty() && tokenizer_.bos() == made.ids.front()) {
      made.ids.erase(made.ids.begin());
      made.supervised.erase(made.supervised.begin());
    }
    return row;
  }

  Pair both(const Sample& sample, const Variation& change) {
    return {there(sample, change, kUnlimited), here(sample, change)};
  }

  Agreement agreement(const Pair& pair) const {
    const auto& ours = pair.here.sample;
    return {ours.ids == pair.there.ids ? 1 : 0,
            learnt(ours.ids, ours.supervised) == learnt(pair.there.ids, pair.there.targets) ? 1 : 0,
            visual(ours.ids) == visual(pair.there.ids) ? 1 : 0};
  }

  std::int64_t visual(const std::vector<std::int64_t>& ids) const {
    return std::count(ids.begin(), ids.end(), chat_.image_id());
  }

  static std::vector<std::int64_t> learnt(const std::vector<std::int64_t>& ids,
                                          const std::vector<std::uint8_t>& targets) {
    std::vector<std::int64_t> out;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (targets[i] != 0) out.push_back(ids[i]);
    }
    return out;
  }

  /// What the trainer does to a row with more tokens than its limit; empty: the row is shorter.
  std::string fate(const Sample& sample, const Rendering& whole) {
    const auto limit = check_.settings.max_length;
    if (whole.whole <= limit) return {};
    const auto kept = there(sample, {}, limit);
    if (!kept.left_out.empty()) return fmt::format("{} tokens: deleted", whole.whole);
    if (check_.trainer->pictures_whole && visual(kept.ids) != visual(whole.ids)) {
      return fmt::format("{} tokens: cut inside its pictures, where training stops", whole.whole);
    }
    const auto targets = std::ssize(learnt(kept.ids, kept.targets)),
               before = std::ssize(learnt(whole.ids, whole.targets));
    return fmt::format("{} tokens: cut to {}, {} of {} targets are left", whole.whole, kept.ids.size(), targets,
                       before);
  }

  /// A few tokens around `at` as text; a run of visual tokens is counted.
  std::string excerpt(const std::vector<std::int64_t>& ids, std::size_t at) const {
    const auto begin = at < 8 ? 0 : at - 8;
    std::string text = begin > 0 ? "…" : "";
    std::vector<std::int64_t> plain;
    const auto flush = [&] {
      text += tokenizer_.tokenizer().decode(plain, /*skip_special_tokens=*/false);
      plain.clear();
    };
    std::size_t i = begin, shown = 0;
    for (; i < ids.size() && shown < 40; ++shown) {
      if (ids[i] != chat_.image_id()) {
        plain.push_back(ids[i++]);
        continue;
      }
      flush();
      std::size_t run = 0;
      for (; i < ids.size() && ids[i] == chat_.image_id(); ++i) ++run;
      text += fmt::format("[{} visual tokens]", run);
    }
    flush();
    return nlohmann::json(text + (i < ids.size() ? "…" : ""))
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  std::string difference(const Sample& sample) {
    const auto pair = both(sample, {});
    const auto& ours = pair.here.sample;
    const auto [a, b] = std::mismatch(ours.ids.begin(), ours.ids.end(), pair.there.ids.begin(), pair.there.ids.end());
    const auto at = static_cast<std::size_t>(a - ours.ids.begin());
    std::string text =
        fmt::format("row {}{}: {} tokens here, {} there", sample.row,
                    sample.id.empty() ? "" : " (id '" + sample.id + "')", ours.ids.size(), pair.there.ids.size());
    if (a == ours.ids.end() && b == pair.there.ids.end()) text += "; the ids are the same, the targets differ";
    else
      text += fmt::format("; they differ from token {} on\n    here:  {}\n    there: {}", at, excerpt(ours.ids, at),
                          excerpt(pair.there.ids, at));
    const auto here = learnt(ours.ids, ours.supervised), there = learnt(pair.there.ids, pair.there.targets);
    if (here != there) {
      text += fmt::format("\n    learnt here:  {}\n    learnt there: {}", excerpt(here, 0), excerpt(there, 0));
    }
    return text;
  }

  std::int64_t size() const { return std::ssize(samples_); }
  const Sample& sample(std::int64_t row) const { return samples_[static_cast<std::size_t>(row)]; }

 private:
  std::int64_t tokens_there(const std::string& path) {
    if (images_.fixed_size()) return images_.image_tokens(std::span(&path, 1)).front();
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = known_.find(path); found != known_.end()) return found->second;
    }
    std::int64_t tokens = 0;
    with_image(path, [&](const Image& image) {
      tokens = check_.trainer->image_tokens({image.width, image.height}, rule_);
    });
    const std::lock_guard lock(mutex_);
    return known_.emplace(path, tokens).first->second;
  }

  std::vector<Sample> samples_;
  const vlm::ChatTemplate& chat_;
  vlm::ImageReader& images_;
  const HandoverCheck& check_;
  FolderTokenizer tokenizer_;
  handover::PictureRule rule_;
  std::mutex mutex_;
  std::map<std::string, std::int64_t> known_;
};

/// What is kept of a row's comparison.
struct Outcome {
  bool compared = false;
  Agreement equal;
  std::string unusable, left_out_there, left_out_here, too_long, masked;
};

Outcome outcome_of(Comparison& comparison, const Sample& sample) {
  Outcome out;
  if (sample.turns.empty()) {
    out.unusable = "rejected when the pool was read";
    return out;
  }
  out.unusable = comparison.unusable(sample);
  if (!out.unusable.empty()) return out;
  const auto pair = comparison.both(sample, {});
  out.left_out_there = pair.there.left_out;
  out.left_out_here = pair.here.reject;
  if (out.left_out_there.empty()) {
    out.too_long = comparison.fate(sample, pair.there);
    out.masked = pair.there.masked;
  }
  out.compared = out.left_out_there.empty() && out.left_out_here.empty();
  if (out.compared) out.equal = comparison.agreement(pair);
  return out;
}

void add(Agreement& sum, const Agreement& one) {
  sum.ids += one.ids;
  sum.targets += one.targets;
  sum.visual += one.visual;
}

Agreement varied(Comparison& comparison, const std::vector<Outcome>& outcomes, const Variation& change) {
  std::vector<Agreement> each(outcomes.size());
  parallel_blocks(std::ssize(outcomes), kBlock, [&](std::int64_t begin, std::int64_t end) {
    for (auto row = begin; row < end; ++row) {
      const auto i = static_cast<std::size_t>(row);
      if (outcomes[i].compared) each[i] = comparison.agreement(comparison.both(comparison.sample(row), change));
    }
  });
  Agreement sum;
  for (const auto& one : each) add(sum, one);
  return sum;
}

/// The changes that may explain a difference, and then all that one side can make.
std::vector<Variation> variations_of(const HandoverCheck& check) {
  std::vector<Variation> all;
  const auto& trainer = *check.trainer;
  const bool system = !check.settings.system.value_or(check.layout->default_system).empty();
  if (!check.tags_as_ours) all.push_back({"with handover_tags=ours", false, true});
  if (system && !trainer.system_key.empty()) {
    all.push_back({fmt::format("with {}", trainer.system_key), true});
    if (!check.tags_as_ours) all.push_back({"with both", true, true});
  }
  if (system) all.push_back({"if the pool's rows brought the template's system prompt", false, false, true});
  const auto changes = all.size();
  all.push_back({"apart from the first token, <s>", false, false, false, true});
  for (std::size_t i = 0; i < changes; ++i) {
    auto with = all[i];
    with.name += ", apart from <s>";
    with.no_bos = true;
    all.push_back(with);
  }
  return all;
}

void add_variations(Comparison& comparison, const std::vector<Outcome>& outcomes, const HandoverCheck& check,
                    HandoverReport& report) {
  auto best = report.equal;
  for (const auto& change : variations_of(check)) {
    const auto equal = varied(comparison, outcomes, change);
    if (equal == report.equal) continue;
    if (change.no_bos && equal.ids <= best.ids) continue;  // a fact worth a line only if it explains more
    best.ids = std::max(best.ids, equal.ids);
    report.variations.emplace_back(change.name, equal);
    if (equal.ids == report.compared) return;
  }
}

}  // namespace

FolderTokenizer::FolderTokenizer(const fs::path& path)
    : tokenizer_(std::make_shared<vlm::Tokenizer>(vlm::Tokenizer::load(path))) {
  const auto file = path / "tokenizer_config.json";
  std::error_code unreadable;
  if (!fs::is_regular_file(file, unreadable)) return;
  const auto tree = nlohmann::json::parse(read_file(file, kConfigBytes), nullptr, false);
  if (tree.is_object() && tree.contains("legacy") && tree["legacy"].is_boolean()) legacy_ = tree["legacy"].get<bool>();
}

std::vector<std::int64_t> FolderTokenizer::encode(std::string_view text, bool frame) const {
  return tokenizer_->encode(text, frame).ids;
}

HandoverReport check_handover(const Pool& pool, const fs::path& folder, const vlm::ChatTemplate& chat,
                              vlm::ImageReader& images, const vlm::PixelLimits& limits, const HandoverCheck& check) {
  Comparison comparison(pool, folder, chat, images, limits, check);
  std::vector<Outcome> outcomes(static_cast<std::size_t>(comparison.size()));
  parallel_blocks(std::ssize(outcomes), kBlock, [&](std::int64_t begin, std::int64_t end) {
    for (auto row = begin; row < end; ++row) {
      outcomes[static_cast<std::size_t>(row)] = outcome_of(comparison, comparison.sample(row));
    }
  });
  HandoverReport report;
  report.rows = std::ssize(outcomes);
  for (std::int64_t row = 0; row < report.rows; ++row) {
    auto& out = outcomes[static_cast<std::size_t>(row)];
    const bool there = !out.left_out_there.empty(), here = !out.left_out_here.empty();
    if (!out.unusable.empty()) report.left_out.push_back({row, out.unusable});
    else if (there && here) report.left_out.push_back({row, out.left_out_there + "; here: " + out.left_out_here});
    else if (there) report.left_out_there.push_back({row, out.left_out_there});
    else if (here) report.left_out_here.push_back({row, out.left_out_here});
    if (!out.too_long.empty()) report.too_long.push_back({row, out.too_long});
    if (!out.masked.empty()) report.masked.push_back({row, out.masked});
    if (!out.compared) continue;
    ++report.compared;
    add(report.equal, out.equal);
    if (report.first_difference.empty() && out.equal != Agreement{1, 1, 1}) {
      report.first_difference = comparison.difference(comparison.sample(row));
    }
  }
  if (report.equal.ids < report.compared) add_variations(comparison, outcomes, check, report);
  return report;
}

}  // namespace scalselect::pipeline
