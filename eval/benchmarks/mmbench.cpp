// MMBench: multiple choice, every rotation of the options must be answered correctly (CircularEval).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <span>

#include "core/error.h"
#include "eval/metric_stats.h"
#include "eval/multiple_choice.h"
#include "eval/parquet_questions.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/tsv_questions.h"

namespace scalselect::eval {
namespace {

constexpr std::int64_t kRotationStep = 1'000'000;  // index = question + rotation * step

// -1: not a whole number.
std::int64_t parse_index(const std::string& text) {
  std::int64_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  return error == std::errc() && end == text.data() + text.size() && index >= 0 ? index : -1;
}

// The options move one place to the front per rotation, and the answer's letter with them.
Question rotated(const Question& first, int rotation) {
  Question question = first;
  const std::size_t count = first.options.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Option& from = first.options[(i + static_cast<std::size_t>(rotation)) % count];
    question.options[i].text = from.text;
    if (from.label == first.answers.front()) question.answers = {first.options[i].label};
  }
  question.rotation = rotation;
  question.id = std::to_string(std::stoll(first.id) + rotation * kRotationStep);
  return question;
}

class MmBench final : public MultipleChoice {
 public:
  using MultipleChoice::MultipleChoice;

 protected:
  AnswerKind answer_kind() const override { return AnswerKind::kMmBenchOption; }
  std::vector<std::string> annotation_files() const override { return one_or_parquet(options_.path); }

  std::vector<Question> read(const std::string& image_cache) const override {
    auto questions = is_parquet_path(options_.path) ? read_parquet(image_cache) : read_tsv(image_cache);
    if (options_.circular != Circular::kFile) {
      std::erase_if(questions, [](const Question& question) { return question.rotation > 0; });
    }
    if (options_.circular == Circular::kExpand) expand(questions);
    if (options_.circular == Circular::kFile) mark_incomplete(questions);
    share_clusters(questions);
    for (auto& question : questions) {
      question.prompt =
          mmbench_prompt(options_.style, question.question, question.hint, question.options, options_.language);
    }
    return questions;
  }

  // Circular accuracy and its groups, then the plain accuracies of the first pass and of all passes.
  std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                   std::span<const std::int32_t> clusters) const override {
    if (options_.circular != Circular::kOff) check_rotations(questions);
    auto result = MultipleChoice::metrics(questions, outcomes, clusters);
    if (options_.circular == Circular::kOff || result.empty()) return result;
    for (const bool first_only : {true, false}) {
      Metric metric{.name = first_only ? "vanilla_0" : "vanilla_all",
                    .display = display() + (first_only ? " (first pass)" : " (all passes)")};
      std::vector<std::pair<std::int32_t, double>> items;
      std::vector<const Question*> members;
      for (std::size_t i = 0; i < questions.size(); ++i) {
        if (first_only && questions[i].rotation > 0) continue;
        items.emplace_back(clusters[i], outcomes[i].score);
        members.push_back(&questions[i]);
        metric.chance += 100 * guess_chance(questions[i]);
      }
      metric.chance /= static_cast<double>(items.size());
      metric.majority = 100 * majority_share(members);
      result.push_back(percent_metric(std::move(metric), items));
    }
    return result;
  }

 private:
  std::vector<Question> read_tsv(const std::string& image_cache) const {
    const TsvTable table = TsvTable::read(options_.path);
    auto questions = tsv_questions(table, options_.style, image_cache, tsv_image_root(options_), Answers::kOptional);
    number_rotations(questions);
    check_answers(questions, &table);
    return questions;
  }

  std::vector<Question> read_parquet(const std::string& image_cache) const {
    std::vector<Question> questions;
    for_each_parquet_row(parquet_files(options_.path), {"index", "question", "A", "B"}, image_cache,
                         [&](const nlohmann::json& row, Question& question) {
                           question.id = question.group = parquet_text(row, "index");
                           question.question = parquet_text(row, "question");
                           question.hint = parquet_text(row, "hint");
                           for (const char* label : {"A", "B", "C", "D", "E"}) {
                             const std::string text = parquet_text(row, label);
                             if (!text.empty()) question.options.push_back({label, text});
                           }
                           question.answers = {parquet_text(row, "answer")};
                           question.category = parquet_text(row, "category");
                           const std::string level2 = parquet_text(row, "L2-category");
                           if (!level2.empty()) question.splits = {level2};
                           questions.push_back(std::move(question));
                         });
    number_rotations(questions);
    check_answers(questions);
    return questions;
  }

  static void number_rotations(std::vector<Question>& questions) {
    for (auto& question : questions) {
      const std::int64_t index = parse_index(question.id);
      if (index < 0) {
        question.unusable = "its index is not a whole number, by which rotations are found (index + r * 1,000,000)";
        continue;
      }
      question.rotation = static_cast<int>(index / kRotationStep);
      question.group = std::to_string(index % kRotationStep);
    }
  }

  static void expand(std::vector<Question>& questions) {
    std::vector<Question> all;
    for (const auto& first : questions) {
      if (!first.unusable.empty()) all.push_back(first);
      if (!first.unusable.empty()) continue;
      for (int r = 0; r < static_cast<int>(first.options.size()); ++r) all.push_back(rotated(first, r));
    }
    questions = std::move(all);
  }

  // (group, reason) of questions that lack a rotation.
  static std::map<std::string, std::string> incomplete_groups(std::span<const Question> questions) {
    std::map<std::string, std::vector<const Question*>> groups;
    for (const auto& question : questions) groups[question.group].push_back(&question);
    std::map<std::string, std::string> incomplete;
    for (const auto& [group, members] : groups) {
      std::set<int> rotations;
      for (const auto* member : members) rotations.insert(member->rotation);
      const auto count = members.front()->options.size();
      if (rotations.size() == count && *rotations.rbegin() + 1 == static_cast<int>(count)) continue;
      incomplete[group] = fmt::format("question '{}' has {} options but {} rotations", group, count, rotations.size());
    }
    return incomplete;
  }

  // A file without any whole circle is one of first rotations, and `circular` is set wrongly.
  void mark_incomplete(std::vector<Question>& questions) const {
    const auto incomplete = incomplete_groups(questions);
    std::set<std::string> groups;
    bool other_problems = false;
    for (auto& question : questions) {
      groups.insert(question.group);
      other_problems = other_problems || !question.unusable.empty();
      const auto found = incomplete.find(question.group);
      if (found != incomplete.end() && question.unusable.empty()) question.unusable = found->second;
    }
    if (groups.empty() || other_problems || incomplete.size() < groups.size()) return;
    throw UserError(ErrorKind::kInput, fmt::format("{}: {}", options_.path, incomplete.begin()->second),
                    "CircularEval needs every rotation (index + r * 1,000,000); set `circular` to expand or off.");
  }

  // Of answered questions. What the file lacks was left out before they were asked, so that answers have been lost.
  void check_rotations(std::span<const Question> questions) const {
    const auto incomplete = incomplete_groups(questions);
    if (incomplete.empty()) return;
    throw UserError(ErrorKind::kInput,
                    fmt::format("the answers to '{}' are not complete: {}", name(), incomplete.begin()->second),
                    "Answer every rotation, or score the file with circular=off, which counts first rotations alone.");
  }

  // The bootstrap draws questions by group, and groups that show the same image together.
  static void share_clusters(std::vector<Question>& questions) {
    std::map<std::string, std::string> first_group;
    for (const auto& question : questions) first_group.emplace(question.cluster, question.group);
    for (auto& question : questions) question.cluster = first_group.at(question.cluster);
  }
};

}  // namespace

/// MMBench (and CCBench-like sets): VLMEvalKit's TSV, the older one with base64 in every row, or lmms-eval's Parquet.
/// CircularEval by default.
std::unique_ptr<Benchmark> make_mmbench(const BenchmarkOptions& options) { return std::make_unique<MmBench>(options); }

}  // namespace scalselect::eval
