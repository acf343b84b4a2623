#include "eval/multiple_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "eval/matching.h"
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

}  // namespace

Parsed MultipleChoice::parse(const Question& question, const std::string& raw) const {
  switch (options_.matcher) {
    case Matcher::kVk2024: return infer_option(raw, question.options, OptionRules::kVk2024);
    case Matcher::kVk2025: return infer_option(raw, question.options, OptionRules::kVk2025);
    case Matcher::kStrict: return strict_option(raw, question.options);
    default: return infer_option(raw, question.options, OptionRules::kVk2026);
  }
}

std::vector<MetricStats> MultipleChoice::metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                                 std::span<const std::int32_t> clusters) const {
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

void MultipleChoice::check_answers(const std::vector<Question>& questions) const {
  for (const auto& question : questions) {
    const auto same = [&](const Option& option) { return option.label == question.answers.front(); };
    if (std::any_of(question.options.begin(), question.options.end(), same)) continue;
    throw UserError(ErrorKind::kInput,
                    fmt::format("{}: question '{}' has {} options and the answer '{}'", options_.path, question.id,
                                question.options.size(), question.answers.front()),
                    "The answer must be the letter of one of the options; test sets without answers cannot be scored.");
  }
}

}  // namespace scalselect::eval
