#include "data/mini/benchmarks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "data/mini/pope.h"
#include "data/mini/prompts.h"

namespace scalselect::mini {
namespace {

/// Percentage of a skill's questions that a benchmark asks. A skill's rows add up to 100 (POPE is extra).
struct Cell {
  const char* benchmark;
  const char* group;  ///< MME's category
  Skill skill;
  int percent;
};

constexpr Cell kCells[] = {
    {"mini-mmbench", "", Skill::kColor, 36},
    {"mini-mmbench", "", Skill::kShape, 36},
    {"mini-mmbench", "", Skill::kSize, 36},
    {"mini-mmbench", "", Skill::kCount, 27},
    {"mini-mmbench", "", Skill::kPosition, 27},
    {"mini-mmbench", "", Skill::kRelation, 36},
    {"mini-mmbench", "", Skill::kCompare, 36},
    {"mini-ai2d", "", Skill::kShape, 36},
    {"mini-ai2d", "", Skill::kSize, 28},
    {"mini-ai2d", "", Skill::kPosition, 27},
    {"mini-ai2d", "", Skill::kRelation, 36},
    {"mini-ai2d", "", Skill::kLabel, 45},
    {"mini-ai2d", "", Skill::kArrow, 55},
    {"mini-scienceqa", "", Skill::kSize, 36},
    {"mini-scienceqa", "", Skill::kCount, 27},
    {"mini-scienceqa", "", Skill::kCompare, 64},
    {"mini-scienceqa", "", Skill::kValue, 27},
    {"mini-scienceqa", "", Skill::kTallest, 55},
    {"mini-ocrbench", "", Skill::kColor, 18},
    {"mini-ocrbench", "", Skill::kShape, 28},
    {"mini-ocrbench", "", Skill::kRelation, 28},
    {"mini-ocrbench", "", Skill::kOcr, 54},
    {"mini-ocrbench", "", Skill::kValue, 27},
    {"mini-ocrbench", "", Skill::kLabel, 55},
    {"mini-ocrbench", "", Skill::kTallest, 45},
    {"mini-ocrbench", "", Skill::kArrow, 45},
    {"mini-mme", "existence", Skill::kExist, 46},
    {"mini-mme", "count", Skill::kCount, 46},
    {"mini-mme", "position", Skill::kPosition, 46},
    {"mini-mme", "color", Skill::kColor, 46},
    {"mini-mme", "OCR", Skill::kOcr, 46},
    {"mini-mme", "numerical_calculation", Skill::kValue, 46},
};

class Planner {
 public:
  explicit Planner(const MiniWorldOptions& options) : options_(options) {}

  std::vector<BenchmarkPlan> make() {
    std::vector<BenchmarkPlan> plans;
    for (const char* name : {"mini-mmbench", "mini-mme", "mini-ai2d", "mini-scienceqa", "mini-ocrbench"}) {
      plans.push_back(make_one(name));
    }
    plans.insert(plans.begin() + 1, plan_pope(options_, used_));
    return plans;
  }

 private:
  BenchmarkPlan make_one(const std::string& benchmark) {
    BenchmarkPlan plan;
    plan.name = benchmark;
    Rng rng(static_cast<std::uint64_t>(options_.seed), "mini/" + benchmark);
    for (const Cell& cell : kCells) {
      if (benchmark != cell.benchmark) continue;
      auto count = std::llround(cell.percent / 100.0 * static_cast<double>(options_.questions_per_skill));
      for (; count > 0; count -= benchmark == "mini-mme" ? 2 : 1) add(plan, cell, rng);
    }
    return plan;
  }

  /// A new scene and a question about it (two for MME).
  void add(BenchmarkPlan& plan, const Cell& cell, Rng& rng) {
    const bool mme = plan.name == "mini-mme";
    const Form form = mme ? Form::kYesNo : plan.name == "mini-ocrbench" ? Form::kOpen : Form::kChoice;
    for (;;) {
      const Scene scene = sample_scene(rng, types_[next_type(cell.skill)], Split::kBenchmark);
      const auto all = questions(scene, cell.skill, rng);
      if (all.empty() || used_.count(template_key(scene))) continue;
      const Question& question = rng.pick(all);
      if (!question.allows(form)) continue;
      used_.insert(template_key(scene));
      const int picture = static_cast<int>(plan.pictures.size());
      plan.pictures.push_back({scene, fmt::format("{}/picture/{}", plan.name, picture)});
      if (mme) {
        for (bool truth : {true, false}) {
          Asked asked = ask_yes_no(question, truth, rng);
          asked.text += std::string(" ") + kYesNoRequest;
          plan.items.push_back({picture, std::move(asked), "", cell.group});
        }
      } else if (form == Form::kOpen) {
        plan.items.push_back({picture, ask_open(question, rng), "", ""});
      } else {
        const int options = plan.name == "mini-scienceqa" && rng.chance(0.4) ? 3 : 4;
        const double hints = plan.name == "mini-ai2d" ? 0 : 0.3;
        plan.items.push_back(
            {picture, ask_choice(question, options, rng), rng.chance(hints) ? hint(scene.type) : "", ""});
      }
      return;
    }
  }

  /// The types of scene alternate within a skill, so that each is used about equally often.
  std::size_t next_type(Skill skill) {
    std::size_t& turn = turn_[static_cast<int>(skill)];
    do turn = (turn + 1) % kSceneTypes;
    while (!serves(types_[turn], skill));
    return turn;
  }

  static constexpr std::array<SceneType, kSceneTypes> types_ = {
      SceneType::kObjects, SceneType::kLabels, SceneType::kWord, SceneType::kChart,
      SceneType::kStacks,  SceneType::kGraph,  SceneType::kFlow};
  const MiniWorldOptions& options_;
  std::set<std::string> used_;  ///< templates of all benchmarks
  std::array<std::size_t, kSkills> turn_{};
};

}  // namespace

std::vector<BenchmarkPlan> plan_benchmarks(const MiniWorldOptions& options) { return Planner(options).make(); }

std::map<std::string, std::int64_t> questions_by_skill(const std::vector<BenchmarkPlan>& plans) {
  std::map<std::string, std::int64_t> counts;
  for (const BenchmarkPlan& plan : plans) {
    for (const BenchmarkItem& item : plan.items) ++counts[std::string(name(item.asked.skill))];
  }
  return counts;
}

}  // namespace scalselect::mini
