// MMBench: multiple choice, every rotation of the options must be answered correctly (CircularEval).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "core/error.h"
#include "eval/metric_stats.h"
#include "eval/multiple_choice.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/tsv_questions.h"

namespace scalselect::eval {
namespace {

constexpr std::int64_t kRotationStep = 1'000'000;  // index = question + rotation * step

std::int64_t parse_index(const std::string& text, const std::string& file) {
  std::int64_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error == std::errc() && end == text.data() + text.size() && index >= 0) return index;
  throw UserError(ErrorKind::kInput, fmt::format("{}: index '{}' is not a whole number", file, text),
                  "Rotations of a question are found by index modulo 1,000,000.");
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
  std::vector<std::string> annotation_files() const override { return {options_.path}; }

  std::vector<Question> read(const std::string& image_cache) const override {
    const TsvTable table = TsvTable::read(options_.path);
    auto questions = tsv_questions(table, options_.style, image_cache, tsv_image_root(options_));
    number_rotations(questions);
    check_answers(questions);
    if (options_.circular != Circular::kFile) {
      std::erase_if(questions, [](const Question& question) { return question.rotation > 0; });
    }
    if (options_.circular == Circular::kExpand) expand(questions);
    if (options_.circular == Circular::kFile) check_rotations(questions);
    share_clusters(questions);
    for (auto& question : questions) {
      question.prompt =
          multiple_choice_prompt(options_.style, question.question, question.hint, question.options, options_.language);
    }
    return questions;
  }

  // Circular accuracy and its groups, then the plain accuracies of the first pass and of all passes.
  std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                   std::span<const std::int32_t> clusters) const override {
    if (options_.circular != Circular::kOff) check_rotations({questions.begin(), questions.end()});
    auto result = MultipleChoice::metrics(questions, outcomes, clusters);
    if (options_.circular == Circular::kOff) return result;
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
  void number_rotations(std::vector<Question>& questions) const {
    for (auto& question : questions) {
      const std::int64_t index = parse_index(question.id, options_.path);
      question.rotation = static_cast<int>(index / kRotationStep);
      question.group = std::to_string(index % kRotationStep);
    }
  }

  static void expand(std::vector<Question>& questions) {
    std::vector<Question> all;
    for (const auto& first : questions) {
      for (int r = 0; r < static_cast<int>(first.options.size()); ++r) all.push_back(rotated(first, r));
    }
    questions = std::move(all);
  }

  void check_rotations(const std::vector<Question>& questions) const {
    std::map<std::string, std::vector<const Question*>> groups;
    for (const auto& question : questions) groups[question.group].push_back(&question);
    for (const auto& [group, members] : groups) {
      std::vector<int> rotations;
      for (const auto* member : members) rotations.push_back(member->rotation);
      std::sort(rotations.begin(), rotations.end());
      bool complete = rotations.size() == members.front()->options.size();
      for (std::size_t r = 0; r < rotations.size(); ++r) complete = complete && rotations[r] == static_cast<int>(r);
      if (complete) continue;
      throw UserError(ErrorKind::kInput,
                      fmt::format("{}: question '{}' has {} options but {} rotations", options_.path, group,
                                  members.front()->options.size(), members.size()),
                      "CircularEval needs every rotation (index + r * 1,000,000); set `circular` to expand or off.");
    }
  }

  // The bootstrap draws questions by group, and groups that show the same image together.
  static void share_clusters(std::vector<Question>& questions) {
    std::map<std::string, std::string> first_group;
    for (const auto& question : questions) first_group.emplace(question.cluster, question.group);
    for (auto& question : questions) question.cluster = first_group.at(question.cluster);
  }
};

}  // namespace

/// MMBench (and CCBench-like sets): VLMEvalKit's TSV, or the older one with base64 in every row. CircularEval by
/// default.
std::unique_ptr<Benchmark> make_mmbench(const BenchmarkOptions& options) { return std::make_unique<MmBench>(options); }

}  // namespace scalselect::eval
