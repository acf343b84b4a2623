// POPE: is an object in the picture? Three ways of choosing absent objects.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "eval/json_files.h"
#include "eval/matchers.h"
#include "eval/metric_stats.h"
#include "eval/metrics.h"
#include "eval/parquet_questions.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/text.h"
#include "eval/text_files.h"
#include "eval/tsv_questions.h"
#include "eval/vqa_rows.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kSplits = {"adversarial", "popular", "random"};

// Sums of one split. What is unreadable is in `questions`, and in the four counts or not as the rule says.
enum Slot { kTp, kFp, kTn, kFn, kRight, kQuestions, kYesLabels, kSlots };

struct Measure {
  const char* name;
  const char* label;
  double (*value)(const Confusion&, std::span<const double> sums, Unreadable unreadable);
};

double percent(double part, double whole) { return whole > 0 ? 100 * (part / whole) : 0; }

const std::vector<Measure> kMeasures = {
    {"f1", "F1", [](const Confusion& c, std::span<const double>, Unreadable) { return c.f1(); }},
    {"accuracy", "acc",
     [](const Confusion&, std::span<const double> s, Unreadable) { return percent(s[kRight], s[kQuestions]); }},
    {"precision", "precision", [](const Confusion& c, std::span<const double>, Unreadable) { return c.precision(); }},
    {"recall", "recall", [](const Confusion& c, std::span<const double>, Unreadable) { return c.recall(); }},
    {"yes_ratio", "yes",
     [](const Confusion& c, std::span<const double> s, Unreadable unreadable) {
       return percent(unreadable == Unreadable::kIsLeftOut ? s[kYesLabels] : c.tp + c.fp, s[kQuestions]);
     }},
};

double measure_split(const Measure& measure, Unreadable unreadable, std::span<const double> sums) {
  return measure.value({sums[kTp], sums[kFp], sums[kTn], sums[kFn]}, sums, unreadable);
}

// Mean over the splits, whose sums follow each other in `sums`.
double measure_all(const Measure& measure, Unreadable unreadable, std::span<const double> sums) {
  const std::size_t splits = sums.size() / kSlots;
  double total = 0;
  for (std::size_t s = 0; s < splits; ++s) {
    total += measure_split(measure, unreadable, sums.subspan(s * kSlots, kSlots));
  }
  return total / static_cast<double>(splits);
}

// Over the records of all splits, as VLMEvalKit and lmms-eval do.
double measure_pooled(const Measure& measure, Unreadable unreadable, std::span<const double> sums) {
  std::vector<double> pooled(kSlots, 0.0);
  for (std::size_t i = 0; i < sums.size(); ++i) pooled[i % kSlots] += sums[i];
  return measure_split(measure, unreadable, pooled);
}

// The label of a question, "" and a reason if it is neither yes nor no.
void set_label(Question& question, const std::string& text, const std::string& where) {
  question.answers = {lower(strip(text))};
  if (question.answers[0] == "yes" || question.answers[0] == "no") return;
  if (question.unusable.empty()) question.unusable = fmt::format("{} has the label '{}', not yes or no", where, text);
}

// POPE had 90 negatives less among its random questions when LLaVA-1.5 was measured.
constexpr std::ptrdiff_t kNewQuestions = 3000, kOldRandomQuestions = 2910;

class Pope final : public Benchmark {
 public:
  using Benchmark::Benchmark;

  std::vector<Matcher> matchers() const override { return matchers_of(AnswerKind::kPopeYesNo); }
  Parsed parse(const Question& question, const std::string& raw) const override { return rule().read(question, raw); }

 protected:
  std::vector<std::string> annotation_files() const override {
    if (is_tsv(options_.path) || is_parquet_path(options_.path)) return one_or_parquet(options_.path, true);
    std::vector<std::string> files;
    for (const auto& split : kSplits) {
      if (const auto file = split_file(split); !file.empty()) files.push_back(file.string());
    }
    return files;
  }

  std::vector<std::string> default_columns() const override { return {"f1"}; }

  std::vector<Question> read(const std::string& image_cache) const override {
    auto questions = is_tsv(options_.path)            ? read_tsv(image_cache)
                     : is_parquet_path(options_.path) ? read_parquet(image_cache)
                                                      : read_folder();
    for (auto& question : questions) {
      if (question.prompt.empty()) question.prompt = pope_prompt(options_.style, question.question);
    }
    for (const auto& split : absent_splits(questions)) require_no_column_of(split);
    return questions;
  }

  std::vector<std::string> notes(std::span<const Question> questions) const override {
    std::vector<std::string> notes;
    if (const auto absent = absent_splits(questions); !absent.empty()) {
      notes.push_back(fmt::format("has no {} questions: f1 and the other means are over the splits that it has",
                                  fmt::join(absent, " and no ")));
    }
    for (const auto& split : kSplits) {
      const auto count = std::count_if(questions.begin(), questions.end(), [&](const Question& question) {
        return std::find(question.splits.begin(), question.splits.end(), split) != question.splits.end();
      });
      if (split != "random" || count != kOldRandomQuestions) continue;
      notes.push_back(fmt::format(
          "is the revision of POPE with {} random questions (AoiDragon/POPE e3e39262, which LLaVA-1.5 used), not "
          "that with {}: compare and combine it only with answers to the same one",
          kOldRandomQuestions, kNewQuestions));
    }
    return notes;
  }

  std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                   std::span<const std::int32_t> clusters) const override {
    const std::vector<std::string> splits = present_splits(questions);
    const Unreadable unreadable = rule().unreadable;
    SumCollector all;
    std::vector<SumCollector> one(splits.size());
    SumCollector coin, yes, no;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const bool truth = questions[i].answers.front() == "yes", said = outcomes[i].parsed.value == "yes";
      const bool counted = !outcomes[i].parsed.value.empty() || unreadable == Unreadable::kIsNotYes;
      for (std::size_t s = 0; s < splits.size(); ++s) {
        const auto& own = questions[i].splits;
        if (std::find(own.begin(), own.end(), splits[s]) == own.end()) continue;
        const auto base = static_cast<std::int32_t>(s) * kSlots;
        const std::int32_t slot = truth ? (said ? kTp : kFn) : (said ? kFp : kTn);
        for (auto [sums, at] : {std::pair{&all, base}, std::pair{&one[s], 0}}) {
          sums->add(clusters[i], at + slot, counted ? 1 : 0);
          sums->add(clusters[i], at + kRight, outcomes[i].score);
          sums->add(clusters[i], at + kQuestions, 1);
          sums->add(clusters[i], at + kYesLabels, truth ? 1 : 0);
        }
        add_guess(coin, base, truth, 0.5);
        add_guess(yes, base, truth, 1);
        add_guess(no, base, truth, 0);
      }
    }
    const auto slots = static_cast<std::int32_t>(splits.size()) * kSlots;
    std::vector<MetricStats> result;
    for (const auto& measure : kMeasures) {
      const auto make = [&](const std::string& prefix, const std::string& label, const SumCollector& sums,
                            std::int32_t first, std::int32_t count, auto* add_up) {
        const auto formula = [measure, unreadable, add_up](std::span<const double> values) {
          return add_up(measure, unreadable, values);
        };
        const auto level = [&](const SumCollector& guesses) {
          std::vector<double> values(static_cast<std::size_t>(count), 0.0);
          for (const auto& entry : guesses.entries()) {
            if (entry.slot >= first && entry.slot < first + count) values[entry.slot - first] = entry.amount;
          }
          return formula(std::span<const double>(values));
        };
        Metric metric{.name = prefix + measure.name, .display = label};
        metric.chance = level(coin);
        metric.majority = std::max(level(yes), level(no));
        metric.questions = static_cast<std::int64_t>(questions.size());
        result.push_back({metric, count, sums.entries(), formula});
      };
      const std::string suffix = measure.label == std::string("F1") ? "" : std::string(" ") + measure.label;
      make("", display() + suffix, all, 0, slots, measure_all);
      for (std::size_t s = 0; s < splits.size(); ++s) {
        make(splits[s] + "_", fmt::format("{}-{} {}", display(), static_cast<char>(splits[s][0] - 32), measure.label),
             one[s], static_cast<std::int32_t>(s) * kSlots, kSlots, measure_all);
      }
      make("pooled_", display() + " pooled " + measure.label, all, 0, slots, measure_pooled);
    }
    return result;
  }

 private:
  const MatcherRule& rule() const { return matcher_rule(AnswerKind::kPopeYesNo, options_.matcher); }

  // Expected counts of a model that says yes with probability `p`.
  static void add_guess(SumCollector& sums, std::int32_t base, bool truth, double p) {
    sums.add(0, base + (truth ? kTp : kFp), p);
    sums.add(0, base + (truth ? kFn : kTn), 1 - p);
    sums.add(0, base + kRight, truth ? p : 1 - p);
    sums.add(0, base + kQuestions, 1);
    sums.add(0, base + kYesLabels, truth ? 1 : 0);
  }

  static bool has_split(std::span<const Question> questions, const std::string& split) {
    return std::any_of(questions.begin(), questions.end(), [&](const Question& question) {
      return std::find(question.splits.begin(), question.splits.end(), split) != question.splits.end();
    });
  }
  static std::vector<std::string> present_splits(std::span<const Question> questions) {
    std::vector<std::string> splits = kSplits;
    std::erase_if(splits, [&](const std::string& split) { return !has_split(questions, split); });
    return splits;
  }
  static std::vector<std::string> absent_splits(std::span<const Question> questions) {
    std::vector<std::string> splits = kSplits;
    std::erase_if(splits, [&](const std::string& split) { return has_split(questions, split); });
    return splits;
  }

  // The split is absent: none of the columns may be one of its numbers.
  void require_no_column_of(const std::string& split) const {
    const auto asked = std::find_if(options_.columns.begin(), options_.columns.end(),
                                    [&](const std::string& column) { return column.starts_with(split + "_"); });
    if (asked == options_.columns.end()) return;
    const bool folder = !is_tsv(options_.path) && !is_parquet_path(options_.path);
    throw UserError(ErrorKind::kInput,
                    fmt::format("{}: {}, which the column '{}' is computed from", options_.path,
                                folder ? fmt::format("holds no file *pope_{}.json", split)
                                       : fmt::format("holds no {} questions", split),
                                *asked),
                    "Fetch what is missing, or take the column out of `columns`.");
  }

  // The file of a split in the folder, or an empty path.
  fs::path split_file(const std::string& split) const {
    std::vector<fs::path> files;
    const fs::path coco = fs::path(options_.path) / "coco";  // where LLaVA's evaluation has them
    for (const fs::path& folder : {fs::path(options_.path), coco}) {
      if (!files.empty() || !fs::is_directory(folder)) continue;
      for (const auto& entry : list_folder(folder)) {
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
      for (auto& question : read_labels(split, file, root)) questions.push_back(std::move(question));
    }
    const fs::path asked = fs::path(options_.path) / "llava_pope_test.jsonl";
    if (options_.style == PromptStyle::kLlava && fs::exists(asked)) take_llava_texts(asked, questions);
    if (questions.empty()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{}: no file named *pope_adversarial.json, *pope_popular.json or *pope_random.json",
                                  options_.path),
                      "Set `path` to the folder that holds POPE's JSON Lines files.");
    }
    return questions;
  }

  static std::vector<Question> read_labels(const std::string& split, const fs::path& file, const fs::path& root) {
    QuestionList questions;
    std::size_t lines = 0;
    const auto name = [&] { return fmt::format("{}/row {}", split, lines++); };
    for_each_json_line(
        file,
        [&](const nlohmann::json& line, const std::string& where) {
          questions.add(name(), [&](Question& question) {
            question.category = split;
            question.splits = {split};
            question.id = question.group = split + "/" + json_string(line, "question_id", where);
            question.question = json_string(line, "text", where);
            question.image_names = {json_string(line, "image", where)};
            question.images = {(root / question.image_names[0]).string()};
            question.cluster = question.image_names[0];
            set_label(question, json_string(line, "label", where), where);
            return true;
          });
        },
        [&](const UserError& bad) {
          questions.add(name(), [&](Question& question) -> bool {
            question.category = split;  // it keeps its place among LLaVA's questions
            throw UserError(bad);
          });
        });
    return questions.take();
  }

  // LLaVA's own questions, which its scorer pairs with the labels by position within a split. Of another revision than
  // the labels they would all be misplaced from the first gap on.
  static void take_llava_texts(const fs::path& file, std::vector<Question>& questions) {
    std::map<std::string, std::vector<Question*>> labelled;
    for (auto& question : questions) labelled[question.category].push_back(&question);
    std::map<std::string, std::size_t> next;
    for_each_json_line(file, [&](const nlohmann::json& line, const std::string& where) {
      const std::string split = json_string(line, "category", where);
      const auto& labels = labelled[split];
      const std::size_t at = next[split]++;
      if (at < labels.size() && labels[at]->unusable.empty()) take_llava_text(line, where, *labels[at]);
    });
    for (const auto& [split, count] : next) {
      if (labelled[split].empty() || count == labelled[split].size()) continue;
      throw UserError(
          ErrorKind::kInput,
          fmt::format("{}: asks {} {} questions, and the labels are {}", file.string(), count, split,
                      labelled[split].size()),
          "They are of different revisions of POPE (2,910 and 3,000 random questions); take both from one.");
    }
  }

  static void take_llava_text(const nlohmann::json& line, const std::string& where, Question& question) {
    try {
      question.prompt = json_string(line, "text", where);
      const bool same = question.prompt.starts_with(question.question) &&
                        json_string(line, "image", where) == question.image_names[0];
      if (!same) {
        question.unusable =
            fmt::format("{} asks another question at this place of the split than the label file", where);
      }
    } catch (const UserError& error) {
      question.unusable = error.problem();
    }
  }

  std::vector<Question> read_parquet(const std::string& image_cache) const {
    std::vector<Question> questions;
    for_each_parquet_row(parquet_files(options_.path, true), {"question_id", "question", "answer", "category"},
                         image_cache, [&](const nlohmann::json& row, Question& question) {
                           question.category = lower(strip(parquet_text(row, "category")));
                           question.id = question.group = question.category + "/" + parquet_text(row, "question_id");
                           question.question = parquet_text(row, "question");
                           set_label(question, parquet_text(row, "answer"), "its row");
                           question.splits = {question.category};
                           if (std::find(kSplits.begin(), kSplits.end(), question.category) == kSplits.end()) {
                             question.unusable = fmt::format("its category '{}' is not adversarial, popular or random",
                                                             question.category);
                           }
                           questions.push_back(std::move(question));
                         });
    return questions;
  }

  // One row per distinct question; its category lists the splits it belongs to.
  std::vector<Question> read_tsv(const std::string& image_cache) const {
    const TsvTable table = TsvTable::read(options_.path);
    table.require({"category"});
    auto questions = tsv_questions(table, options_.style, image_cache, tsv_image_root(options_));
    for (std::size_t row = 0; row < questions.size(); ++row) {
      Question& question = questions[row];
      const std::string where = fmt::format("line {}", table.line(row));
      set_label(question, question.answers.front(), where);
      question.options.clear();
      question.splits.clear();
      for (const auto& word : split_words(replace_all(question.category, ",", " "))) {
        if (std::find(kSplits.begin(), kSplits.end(), word) == kSplits.end()) {
          question.unusable = fmt::format("{} has the category '{}', not adversarial, popular or random", where, word);
          continue;
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
