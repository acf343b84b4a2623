#include "eval/skills.h"

#include <fmt/format.h>

#include "core/check.h"
#include "core/error.h"
#include "eval/json_files.h"
#include "eval/metric_stats.h"

namespace scalselect::eval {

std::map<std::string, std::string> read_skills(const std::filesystem::path& file) {
  std::map<std::string, std::string> skills;
  for_each_json_line(file, [&](const nlohmann::json& line, const std::string& where) {
    const std::string id = json_string(line, "id", where);
    if (!skills.emplace(id, json_string(line, "skill", where)).second) {
      throw UserError(ErrorKind::kInput, fmt::format("{}: id '{}' occurs twice", where, id));
    }
  });
  return skills;
}

std::vector<SkillScore> skill_scores(std::span<const Question> questions, std::span<const Outcome> outcomes) {
  SCALSELECT_CHECK(questions.size() == outcomes.size());
  std::map<std::string, std::vector<std::size_t>> by_skill;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (!questions[i].skill.empty()) by_skill[questions[i].skill].push_back(i);
  }
  std::vector<SkillScore> scores;
  for (const auto& [skill, rows] : by_skill) {
    SkillScore score{.skill = skill, .questions = static_cast<std::int64_t>(rows.size())};
    const auto count = static_cast<double>(rows.size());
    std::vector<const Question*> members;
    for (const std::size_t i : rows) {
      members.push_back(&questions[i]);
      score.accuracy += 100 * outcomes[i].score / count;
      score.chance += 100 * guess_chance(questions[i]) / count;
    }
    score.majority = 100 * majority_share(members);
    scores.push_back(std::move(score));
  }
  return scores;
}

double mean_skill_accuracy(std::span<const SkillScore> skills) {
  double sum = 0;
  for (const auto& skill : skills) sum += skill.accuracy;
  return skills.empty() ? 0 : sum / static_cast<double>(skills.size());
}

}  // namespace scalselect::eval
