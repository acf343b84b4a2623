#include "core/error.h"

#include <algorithm>
#include <utility>

namespace scalselect {
namespace {

std::string sentence(const std::string& problem, const std::string& remedy) {
  if (remedy.empty() || problem.empty()) return problem + remedy;
  const bool ended = std::string_view(".!?:\n").find(problem.back()) != std::string_view::npos;
  return problem + (ended ? " " : ". ") + remedy;
}

/// Matching characters of the Ratcliff/Obershelp measure: longest common block, then both sides of it.
std::size_t matching_characters(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return 0;
  std::size_t best = 0, at_a = 0, at_b = 0;
  std::vector<std::size_t> run(b.size() + 1, 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = b.size(); j-- > 0;) {
      run[j + 1] = a[i] == b[j] ? run[j] + 1 : 0;
      if (run[j + 1] > best) {
        best = run[j + 1];
        at_a = i + 1 - best;
        at_b = j + 1 - best;
      }
    }
  }
  if (best == 0) return 0;
  return best + matching_characters(a.substr(0, at_a), b.substr(0, at_b)) +
         matching_characters(a.substr(at_a + best), b.substr(at_b + best));
}

}  // namespace

UserError::UserError(ErrorKind kind, const std::string& problem, const std::string& remedy)
    : std::runtime_error(sentence(problem, remedy)), kind_(kind), problem_(problem), remedy_(remedy) {}

int exit_code(ErrorKind kind) noexcept { return kind == ErrorKind::kUsage ? 2 : 1; }

std::vector<std::string> nearest_names(std::string_view word, const std::vector<std::string>& candidates,
                                       std::size_t limit) {
  constexpr double kCutoff = 0.6;
  std::vector<std::pair<double, std::string>> rated;
  for (const auto& candidate : candidates) {
    const double total = static_cast<double>(word.size() + candidate.size());
    const double ratio = total == 0 ? 1.0 : 2.0 * static_cast<double>(matching_characters(word, candidate)) / total;
    if (ratio >= kCutoff) rated.emplace_back(ratio, candidate);
  }
  std::stable_sort(rated.begin(), rated.end(), [](const auto& x, const auto& y) { return x.first > y.first; });
  if (rated.size() > limit) rated.resize(limit);
  std::vector<std::string> names;
  for (auto& [ratio, name] : rated) names.push_back(std::move(name));
  return names;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const auto names = nearest_names(word, candidates);
  if (names.empty()) return {};
  if (names.size() == 1) return " Did you mean '" + names[0] + "'?";
  std::string text = " Did you mean one of ";
  for (std::size_t i = 0; i < names.size(); ++i) text += (i ? ", '" : "'") + names[i] + "'";
  return text + "?";
}

}  // namespace scalselect
