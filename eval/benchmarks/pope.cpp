// POPE: is an object in the picture? Three ways of choosing absent objects.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "eval/json_files.h"
#include "eval/matching.h"
#include "eval/metric_stats.h"
#include "eval/metrics.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/text.h"
#include "eval/text_files.h"
#include "eval/tsv_questions.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kSplits = {"adversarial", "popular", "random"};

// Sums of one split. Accuracy has its own slot: an unreadable answer is wrong, but "not yes" in the counts, as in
// VLMEvalKit.
enum Slot { kTp, kFp, kTn, kFn, kRight, kSlots };

struct Measure {
  const char* name;
  const char* label;
  double (*value)(const Confusion&, double right);
};

const std::vector<Measure> kMeasures = {
    {"f1", "F1", [](const Confusion& c, double) { return c.f1(); }},
    {"accuracy", "acc", [](const Confusion& c, double right) { return 100 * right / (c.tp + c.fp + c.tn + c.fn); }},
    {"precision", "precision", [](const Confusion& c, double) { return c.precision(); }},
    {"recall", "recall", [](const Confusion& c, double) { return c.recall(); }},
    {"yes_ratio", "yes", [](const Confusion& c, double) { return c.yes_ratio(); }},
};

double measure_split(const Measure& measure, std::span<const double> sums) {
  const Confusion counts{sums[kTp], sums[kFp], sums[kTn], sums[kFn]};
  return counts.tp + counts.fp + counts.tn + counts.fn > 0 ? measure.value(counts, sums[kRight]) : 0;
}

// Mean over the splits, whose sums follow each other in `sums`.
double measure_all(const Measure& measure, std::span<const double> sums) {
  const std::size_t splits = sums.size() / kSlots;
  double total = 0;
  for (std::size_t s = 0; s < splits; ++s) total += measure_split(measure, sums.subspan(s * kSlots, kSlots));
  return total / static_cast<double>(splits);
}

std::string yes_or_no(const std::string& text, const std::string& where) {
  std::string answer = lower(strip(text));
  if (answer == "yes" || answer == "no") return answer;
  throw UserError(ErrorKind::kInput, fmt::format("{} has the label '{}'", where, text), "It must be yes or no.");
}

class Pope final : public Benchmark {
 public:
  using Benchmark::Benchmark;

  Parsed parse(const Question&, const std::string& raw) const override {
    switch (options_.matcher) {
      case Matcher::kVk2024:
      case Matcher::kVk2025:
      case Matcher::kVk2026: return vk_yes_no(raw);
      case Matcher::kStrict: return strict_yes_no(raw);
      default: return pope_yes_no(raw);
    }
  }

 protected:
  std::vector<std::string> annotation_files() const override {
    if (is_tsv(options_.path)) return {options_.path};
    std::vector<std::string> files;
    for (const auto& split : kSplits) {
      if (const auto file = split_file(split); !file.empty()) files.push_back(file.string());
    }
    return files;
  }

  std::vector<std::string> default_columns() const override { return {"f1"}; }

  std::vector<Question> read(const std::string& image_cache) const override {
    auto questions = is_tsv(options_.path) ? read_tsv(image_cache) : read_folder();
    for (auto& question : questions) question.prompt = short_answer_prompt(options_.style, question.question);
    return questions;
  }

  std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                   std::span<const std::int32_t> clusters) const override {
    const std::vector<std::string> splits = present_splits(questions);
    SumCollector all;
    std::vector<SumCollector> one(splits.size());
    SumCollector coin, yes, no;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const bool truth = questions[i].answers.front() == "yes", said = outcomes[i].parsed.value == "yes";
      for (std::size_t s = 0; s < splits.size(); ++s) {
        const auto& own = questions[i].splits;
        if (std::find(own.begin(), own.end(), splits[s]) == own.end()) continue;
        const auto base = static_cast<std::int32_t>(s) * kSlots;
        const std::int32_t slot = truth ? (said ? kTp : kFn) : (said ? kFp : kTn);
        for (auto [sums, at] : {std::pair{&all, base}, std::pair{&one[s], 0}}) {
          sums->add(clusters[i], at + slot, 1);
          sums->add(clusters[i], at + kRight, outcomes[i].score);
        }
        add_guess(coin, base, truth, 0.5);
        add_guess(yes, base, truth, 1);
        add_guess(no, base, truth, 0);
      }
    }
    const auto slots = static_cast<std::int32_t>(splits.size()) * kSlots;
    std::vector<MetricStats> result;
    for (const auto& measure : kMeasures) {
      const auto formula = [measure](std::span<const double> sums) { return measure_all(measure, sums); };
      const auto level = [&](const SumCollector& sums, std::int32_t first, std::int32_t count) {
        std::vector<double> values(static_cast<std::size_t>(count), 0.0);
        for (const auto& entry : sums.entries()) {
          if (entry.slot >= first && entry.slot < first + count) values[entry.slot - first] = entry.amount;
        }
        return measure_all(measure, values);
      };
      const auto make = [&](const std::string& prefix, const std::string& label, const SumCollector& sums,
                            std::int32_t first, std::int32_t count) {
        Metric metric{.name = prefix + measure.name, .display = label};
        metric.chance = level(coin, first, count);
        metric.majority = std::max(level(yes, first, count), level(no, first, count));
        metric.questions = static_cast<std::int64_t>(questions.size());
        result.push_back({metric, count, sums.entries(), formula});
      };
      make("", display() + (measure.label == std::string("F1") ? "" : std::string(" ") + measure.label), all, 0, slots);
      for (std::size_t s = 0; s < splits.size(); ++s) {
        make(splits[s] + "_", fmt::format("{}-{} {}", display(), static_cast<char>(splits[s][0] - 32), measure.label),
             one[s], static_cast<std::int32_t>(s) * kSlots, kSlots);
      }
    }
    return result;
  }

 private:
  // Expected counts of a model that says yes with probability `p`.
  static void add_guess(SumCollector& sums, std::int32_t base, bool truth, double p) {
    sums.add(0, base + (truth ? kTp : kFp), p);
    sums.add(0, base + (truth ? kFn : kTn), 1 - p);
    sums.add(0, base + kRight, truth ? p : 1 - p);
  }

  static std::vector<std::string> present_splits(std::span<const Question> questions) {
    std::vector<std::string> splits;
    for (const auto& split : kSplits) {
      const bool present = std::any_of(questions.begin(), questions.end(), [&](const Question& question) {
        return std::find(question.splits.begin(), question.splits.end(), split) != question.splits.end();
      });
      if (present) splits.push_back(split);
    }
    return splits;
  }

  // The file of a split in the folder, or an empty path.
  fs::path split_file(const std::string& split) const {
    std::vector<fs::path> files;
    if (fs::is_directory(options_.path)) {
      for (const auto& entry : list_folder(options_.path)) {
        const std::string name = entry.filename().string();
        if (name.ends_with("pope_" + split + ".json") || name.ends_with("pope_" + split + ".jsonl")) {
          files.push_back(entry);
        }
      }
    }
    std::sort(files.begin(), files.end());
    return files.empty() ? fs::path() : files.front();
  }

  fs::path image_root() const {
    if (!options_.images.empty()) return options_.images;
    fs::path folder(options_.path);
    for (const fs::path& place : {folder / "val2014", folder.parent_path() / "val2014", folder / "images"}) {
      if (fs::is_directory(place)) return place;
    }
    return folder;
  }

  std::vector<Question> read_folder() const {
    const fs::path root = image_root();
    std::vector<Question> questions;
    for (const auto& split : kSplits) {
      const fs::path file = split_file(split);
      if (file.empty()) continue;
      for_each_json_line(file, [&](const nlohmann::json& line, const std::string& where) {
        Question question;
        question.id = question.group = split + "/" + json_string(line, "question_id", where);
        question.question = json_string(line, "text", where);
        question.answers = {yes_or_no(json_string(line, "label", where), where)};
        question.image_names = {json_string(line, "image", where)};
        question.images = {(root / question.image_names[0]).string()};
        question.cluster = question.image_names[0];
        question.category = split;
        question.splits = {split};
        questions.push_back(std::move(question));
      });
    }
    if (questions.empty()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{}: no file named *pope_adversarial.json, *pope_popular.json or *pope_random.json",
                                  options_.path),
                      "Set `path` to the folder that holds POPE's JSON Lines files.");
    }
    return questions;
  }

  // One row per distinct question; its category lists the splits it belongs to.
  std::vector<Question> read_tsv(const std::string& image_cache) const {
    const TsvTable table = TsvTable::read(options_.path);
    auto questions = tsv_questions(table, options_.style, image_cache, tsv_image_root(options_));
    for (auto& question : questions) {
      const std::string where = fmt::format("{}: question '{}'", options_.path, question.id);
      question.answers = {yes_or_no(question.answers.front(), where)};
      question.options.clear();
      question.splits.clear();
      for (const auto& word : split_words(replace_all(question.category, ",", " "))) {
        if (std::find(kSplits.begin(), kSplits.end(), word) == kSplits.end()) {
          throw UserError(ErrorKind::kInput, fmt::format("{} has the category '{}'", where, word),
                          "Expected adversarial, popular or random.");
        }
        question.splits.push_back(word);
      }
    }
    return questions;
  }
};

}  // namespace

/// POPE: a folder with `*pope_{adversarial,popular,random}.json` (JSON Lines), images in val2014/ or images/ beside
/// them; or VLMEvalKit's TSV.
std::unique_ptr<Benchmark> make_pope(const BenchmarkOptions& options) { return std::make_unique<Pope>(options); }

}  // namespace scalselect::eval
