#include "eval/exchange/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/error.h"
#include "eval/json_files.h"

namespace scalselect::eval {
namespace {

bool same_question(const Question& a, const Question& b) {
  return a.question == b.question && a.hint == b.hint && a.options == b.options && a.answers == b.answers;
}

Cause cause_of(const DiffSide& a, std::size_t i, const DiffSide& b, std::size_t j) {
  const auto& [asked_a, said_a] = a.predictions[i];
  const auto& [asked_b, said_b] = b.predictions[j];
  if (!same_question(asked_a, asked_b)) return Cause::kQuestion;
  if (!asked_a.prompt.empty() && !asked_b.prompt.empty() && asked_a.prompt != asked_b.prompt) return Cause::kPrompt;
  if (!a.pixels[i].empty() && !b.pixels[j].empty() && a.pixels[i] != b.pixels[j]) return Cause::kPixels;
  if (said_a != said_b) return Cause::kAnswer;
  const auto &one = a.outcomes[i], &other = b.outcomes[j];
  return one.parsed.value != other.parsed.value || one.score != other.score ? Cause::kReading : Cause::kNone;
}

/// Scores of the units that both sides have; a group of rotations is right if all of it is.
void compare_units(const DiffSide& a, const DiffSide& b, AnswersDiff& diff) {
  std::map<std::string, std::size_t> place;
  std::vector<double> first, second;
  for (const auto& pair : diff.questions) diff.by_group |= a.predictions[pair.a].question.rotation > 0;
  for (const auto& pair : diff.questions) {
    const auto& question = a.predictions[pair.a].question;
    const auto score_a = a.outcomes[pair.a].score, score_b = b.outcomes[pair.b].score;
    diff.whole_scores &= (score_a == 0 || score_a == 1) && (score_b == 0 || score_b == 1);
    const auto [found, added] = place.emplace(diff.by_group ? question.group : question.id, first.size());
    if (added) {
      first.push_back(score_a);
      second.push_back(score_b);
    } else {
      first[found->second] = std::min(first[found->second], score_a);
      second[found->second] = std::min(second[found->second], score_b);
    }
  }
  diff.units = first.size();
  if (diff.whole_scores) diff.mcnemar = mcnemar(first, second);
}

/// B's outcomes as A's benchmark counts them: metric -> value.
std::map<std::string, double> counted_by(const Benchmark& benchmark, const DiffSide& side) {
  std::vector<Question> questions;
  for (const auto& prediction : side.predictions) questions.push_back(prediction.question);
  std::map<std::string, double> values;
  for (const auto& stats : benchmark.aggregate(questions, side.outcomes).metrics) {
    values[stats.metric.name] = stats.metric.value;
  }
  return values;
}

std::string pixels_of(const nlohmann::json& record) {
  std::string all;
  const auto images = record.find("images");
  if (images == record.end() || !images->is_array()) return {};
  for (const auto& image : *images) {
    const auto hash = image.find("bytes_sha256");
    if (hash == image.end() || !hash->is_string() || hash->get<std::string>().empty()) return {};
    all += hash->get<std::string>() + " ";
  }
  return all;
}

}  // namespace

const char* cause_name(Cause cause) {
  switch (cause) {
    case Cause::kQuestion: return "question";
    case Cause::kPrompt: return "prompt";
    case Cause::kPixels: return "pixels";
    case Cause::kAnswer: return "answer";
    case Cause::kReading: return "reading";
    case Cause::kNone: return "nothing";
  }
  return "";
}

DiffSide read_side(const Benchmark& benchmark, const std::filesystem::path& file) {
  DiffSide side;
  auto rescored = rescore(benchmark, file);
  side.outcomes = std::move(rescored.outcomes);
  side.scores = std::move(rescored.scores);
  side.predictions = read_predictions(file);
  for_each_json_line(
      file, [&](const nlohmann::json& record, const std::string&) { side.pixels.push_back(pixels_of(record)); });
  return side;
}

AnswersDiff diff_answers(const Benchmark& benchmark, const DiffSide& a, const DiffSide& b) {
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t j = 0; j < b.predictions.size(); ++j) places.emplace(b.predictions[j].question.id, j);
  AnswersDiff diff;
  std::vector<bool> met(b.predictions.size(), false);
  for (std::size_t i = 0; i < a.predictions.size(); ++i) {
    const auto found = places.find(a.predictions[i].question.id);
    if (found == places.end()) {
      diff.only_in_a.push_back(a.predictions[i].question.id);
      continue;
    }
    const auto j = found->second;
    met[j] = true;
    QuestionDiff pair{i, j, cause_of(a, i, b, j), false};
    const auto &one = a.outcomes[i], &other = b.outcomes[j];
    pair.read_differently = one.parsed.value != other.parsed.value || one.score != other.score;
    auto& count = diff.causes[static_cast<std::size_t>(pair.cause)];
    ++count.questions;
    count.read_differently += pair.read_differently;
    count.only_a_right += one.score > other.score;
    count.only_b_right += other.score > one.score;
    diff.prompts_unknown += a.predictions[i].question.prompt.empty() || b.predictions[j].question.prompt.empty();
    diff.pixels_unknown += a.pixels[i].empty() || b.pixels[j].empty();
    diff.questions.push_back(pair);
  }
  for (std::size_t j = 0; j < b.predictions.size(); ++j) {
    if (!met[j]) diff.only_in_b.push_back(b.predictions[j].question.id);
  }
  if (diff.questions.empty()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("No question of '{}' is in both: A begins with '{}', B with '{}'.", benchmark.name(),
                                a.predictions.front().question.id, b.predictions.front().question.id),
                    "Answers are lined up by question id; both must come from the same form of the benchmark.");
  }
  compare_units(a, b, diff);
  const auto as_a_counts = counted_by(benchmark, b);
  for (const auto& stats : a.scores.metrics) {
    const auto* const other = b.scores.find(stats.metric.name);
    const auto as_a = as_a_counts.find(stats.metric.name);
    if (other == nullptr || as_a == as_a_counts.end()) continue;
    diff.metrics.push_back({stats.metric.name, stats.metric.display, stats.metric.value, other->metric.value,
                            other->metric.value - as_a->second, stats.metric.column});
  }
  return diff;
}

}  // namespace scalselect::eval
