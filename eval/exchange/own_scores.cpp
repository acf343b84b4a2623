#include "eval/exchange/own_scores.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "eval/registry.h"
#include "eval/tsv.h"

namespace scalselect::eval {
namespace {

constexpr double kLastDigits = 1e-9;  // harnesses add in other orders

std::vector<Matcher> rules_of(AnswerFormat format) {
  switch (format) {
    case AnswerFormat::kVlmEvalKit: return {Matcher::kVk2026, Matcher::kVk2025, Matcher::kVk2024};
    case AnswerFormat::kLmmsEval: return {Matcher::kLmmsEval};
    case AnswerFormat::kLlava: return {};
  }
  return {};
}

/// Predictions that one score of the file is about, by their places.
struct Unit {
  std::size_t scored = 0;  ///< the one whose answer carries the score
  std::vector<std::size_t> members;
};

std::vector<Unit> scored_units(const Joined& joined) {
  std::unordered_map<std::string, std::vector<std::size_t>> groups;
  std::unordered_map<std::string, std::size_t> scores;
  for (std::size_t i = 0; i < joined.predictions.size(); ++i) {
    const auto& group = joined.predictions[i].question.group;
    groups[group].push_back(i);
    scores[group] += joined.sources[i]->score.has_value();
  }
  std::vector<Unit> units;
  for (std::size_t i = 0; i < joined.predictions.size(); ++i) {
    if (!joined.sources[i]->score) continue;
    const auto& group = joined.predictions[i].question.group;
    units.push_back({i, scores[group] == 1 ? groups[group] : std::vector<std::size_t>{i}});
  }
  return units;
}

double our_score(const Benchmark& rules, const Prediction& prediction, AnswerFormat format) {
  const bool lost = format == AnswerFormat::kVlmEvalKit && is_missing_text(prediction.response);
  return rules.judge(prediction.question, lost ? "nan" : prediction.response).score;
}

OwnScores compare(const Benchmark& rules, const ForeignAnswers& answers, const Joined& joined,
                  const std::vector<Unit>& units) {
  OwnScores result{.name = answers.score_name, .matcher = rules.options().matcher, .scored = units.size()};
  for (const auto& unit : units) {
    double ours = 1;
    for (const auto member : unit.members)
      ours = std::min(ours, our_score(rules, joined.predictions[member], answers.format));
    const double theirs = *joined.sources[unit.scored]->score;
    if (std::abs(ours - theirs) > kLastDigits) result.different.push_back(joined.predictions[unit.scored].question.id);
    result.theirs += 100 * theirs / static_cast<double>(units.size());
    result.ours += 100 * ours / static_cast<double>(units.size());
  }
  return result;
}

}  // namespace

std::optional<OwnScores> compare_own_scores(const Benchmark& benchmark, const ForeignAnswers& answers,
                                            const Joined& joined) {
  const auto units = scored_units(joined);
  std::optional<OwnScores> best;
  if (units.empty()) return best;
  const auto known = benchmark.matchers();
  for (const auto matcher : rules_of(answers.format)) {
    if (std::find(known.begin(), known.end(), matcher) == known.end()) continue;
    auto options = benchmark.options();
    options.matcher = matcher;
    auto scores = compare(*make_benchmark(options), answers, joined, units);
    if (!best || scores.different.size() < best->different.size()) best = std::move(scores);
  }
  return best;
}

}  // namespace scalselect::eval
