#include "experiments/report/paired.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "core/hash.h"

namespace scalselect::report {
namespace {

std::uint64_t number_of(const std::string& text) {
  const auto digest = sha256(text);
  std::uint64_t number = 0;
  std::from_chars(digest.data(), digest.data() + 16, number, 16);
  return number;
}

/// Groups in which a question comes more than once, with its options turned.
std::set<std::string> rotated_groups(std::span<const eval::Question> questions) {
  std::set<std::string> groups;
  for (const auto& question : questions) {
    if (question.rotation > 0) groups.insert(question.group);
  }
  return groups;
}

std::string key_of(const eval::Question& question, const std::set<std::string>& rotated) {
  if (rotated.contains(question.group)) return "group\n" + question.group;
  std::string key = "call\n" + question.prompt;
  for (const auto& name : question.image_names) key += '\0' + name;
  for (const auto& answer : question.answers) key += '\1' + answer;
  return key;
}

/// The parts that `metric` is restricted to, as bits; 0: it is about all.
std::uint32_t parts_of(const std::vector<std::string>& parts, const std::string& metric) {
  std::uint32_t mask = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (metric == parts[i] || metric == "split/" + parts[i] || metric.starts_with(parts[i] + "_")) mask |= 1U << i;
  }
  return mask;
}

}  // namespace

AnswerUnits answer_units(std::span<const eval::Question> questions, std::span<const eval::Outcome> outcomes) {
  constexpr std::size_t kMostParts = 32;
  const auto rotated = rotated_groups(questions);
  AnswerUnits result;
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto& question = questions[i];
    const auto score = static_cast<float>(outcomes[i].score);
    const auto [found, added] = place.emplace(key_of(question, rotated), result.units.size());
    if (added) {
      result.units.push_back(
          {number_of(found->first), number_of(question.stratum + '\n' + question.cluster), 0, score});
    }
    Unit& unit = result.units[found->second];
    unit.score = std::min(unit.score, score);
    for (const auto& split : question.splits) {
      auto part = std::find(result.parts.begin(), result.parts.end(), split);
      if (part == result.parts.end()) {
        if (result.parts.size() == kMostParts) continue;
        part = result.parts.insert(part, split);
      }
      unit.parts |= 1U << (part - result.parts.begin());
    }
  }
  std::sort(result.units.begin(), result.units.end(), [](const Unit& a, const Unit& b) { return a.key < b.key; });
  return result;
}

PairedAnswers compare_answers(const AnswerUnits& first, const AnswerUnits& second, const std::string& metric) {
  const auto mask = parts_of(first.parts, metric);
  PairedAnswers pairs;
  std::set<std::uint64_t> clusters;
  auto other = second.units.begin();
  for (const auto& unit : first.units) {
    while (other != second.units.end() && other->key < unit.key) ++other;
    if (other == second.units.end()) break;
    if (other->key != unit.key || (mask != 0 && (unit.parts & mask) == 0)) continue;
    ++pairs.units;
    clusters.insert(unit.cluster);
    pairs.n10 += unit.score > other->score;
    pairs.n01 += unit.score < other->score;
  }
  pairs.clusters = static_cast<std::int64_t>(clusters.size());
  return pairs;
}

}  // namespace scalselect::report
