#include "eval/multiple_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "eval/metric_stats.h"

namespace scalselect::eval {
namespace {

// A group of questions that is right as a whole.
struct Unit {
  const Question* first = nullptr;
  std::int32_t cluster = 0;
  double hit = 1, chance = 1;
  std::map<std::string, std::size_t> answers;
  std::size_t questions = 0;
};

std::vector<Unit> make_units(std::span<const Question> questions, std::span<const Outcome> outcomes,
                             std::span<const std::int32_t> clusters) {
  std::map<std::string, std::size_t> place;
  std::vector<Unit> units;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto [found, added] = place.emplace(questions[i].group, units.size());
    if (added) units.push_back({.first = &questions[i], .cluster = clusters[i], .answers = {}});
    Unit& unit = units[found->second];
    if (outcomes[i].score < 1) unit.hit = 0;
    unit.chance *= guess_chance(questions[i]);
    ++unit.answers[questions[i].answers.front()];
    ++unit.questions;
  }
  return units;
}

MetricStats accuracy_of(const std::vector<const Unit*>& units, const std::string& name, const std::string& display) {
  Metric metric{.name = name, .display = display};
  std::vector<std::pair<std::int32_t, double>> items;
  std::map<std::string, std::size_t> constant;  // units that one constant label gets right
  const auto count = static_cast<double>(units.size());
  for (const auto* unit : units) {
    items.emplace_back(unit->cluster, unit->hit);
    metric.chance += 100 * unit->chance / count;
    if (unit->answers.size() == 1) ++constant[unit->answers.begin()->first];
  }
  for (const auto& [label, hits] : constant) {
    metric.majority = std::max(metric.majority, 100 * static_cast<double>(hits) / count);
  }
  return percent_metric(std::move(metric), items);
}

bool has_option(const Question& question, const std::string& label) {
  return std::any_of(question.options.begin(), question.options.end(),
                     [&](const Option& option) { return option.label == label; });
}

/// A row that could not be read has no answer, and says nothing of the others.
bool unanswered(std::span<const Question> questions) {
  return std::all_of(questions.begin(), questions.end(), [](const Question& question) {
    return question.answers.empty() || is_missing_text(question.answers.front());
  });
}

}  // namespace

Parsed MultipleChoice::parse(const Question& question, const std::string& raw) const {
  return matcher_rule(answer_kind(), options_.matcher).read(question, raw);
}

std::vector<MetricStats> MultipleChoice::metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                                 std::span<const std::int32_t> clusters) const {
  if (unanswered(questions)) return {};
  const std::vector<Unit> units = make_units(questions, outcomes, clusters);
  std::vector<const Unit*> all;
  std::map<std::string, std::vector<const Unit*>> groups;
  for (const auto& unit : units) {
    all.push_back(&unit);
    if (!unit.first->category.empty()) groups["category/" + unit.first->category].push_back(&unit);
    for (const auto& split : unit.first->splits) groups["split/" + split].push_back(&unit);
  }
  std::vector<MetricStats> result = {accuracy_of(all, "accuracy", display())};
  for (const auto& [name, members] : groups) {
    result.push_back(accuracy_of(members, name, name.substr(name.find('/') + 1)));
  }
  return result;
}

void MultipleChoice::check_answers(std::vector<Question>& questions, const TsvTable* table) {
  if (unanswered(questions)) return;
  for (std::size_t row = 0; row < questions.size(); ++row) {
    Question& question = questions[row];
    if (!question.unusable.empty()) continue;
    const std::string& answer = question.answers.front();
    if (has_option(question, answer)) continue;
    const bool letter = answer.size() == 1 && answer[0] >= 'A' && answer[0] <= 'Z';
    if (letter && table != nullptr && !table->cell(row, answer).empty()) continue;
    question.unusable = answer.empty() ? "it has no answer"
                                       : fmt::format("its answer '{}' is not the letter of one of its {} options",
                                                     answer, question.options.size());
    if (table != nullptr) question.unusable = fmt::format("line {}: {}", table->line(row), question.unusable);
  }
}

void MultipleChoice::set_position(Question& question, const std::string& position) {
  std::size_t place = 0;
  const auto [end, error] = std::from_chars(position.data(), position.data() + position.size(), place);
  const bool valid =
      error == std::errc() && end == position.data() + position.size() && place < question.options.size();
  question.answers = {valid ? question.options[place].label : ""};
  if (valid || !question.unusable.empty()) return;
  question.unusable = fmt::format("its answer '{}' is not the 0-based position of one of its {} options", position,
                                  question.options.size());
}

std::vector<std::string> MultipleChoice::notes(std::span<const Question> questions) const {
  if (unanswered(questions)) return {"has no answers (a test set): its questions are answered and not scored"};
  const auto lost = std::count_if(questions.begin(), questions.end(), [](const Question& question) {
    return question.unusable.empty() && !has_option(question, question.answers.front());
  });
  if (lost == 0) return {};
  return {fmt::format(
      "{} questions have an answer whose text reads as a missing value (None, NA, …), so that the option is "
      "neither shown nor found, as in VLMEvalKit",
      lost)};
}

}  // namespace scalselect::eval
