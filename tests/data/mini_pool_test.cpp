#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "data/mini/lexicon.h"
#include "data/mini/pool.h"
#include "mini_oracle.h"

namespace scalselect::mini {
namespace {

/// The default pool, planned once.
const PoolPlan& pool() {
  static const PoolPlan plan = plan_pool({});
  return plan;
}

TEST(MiniPool, HasALongTailOfSkills) {
  std::map<Skill, int> counts;
  for (const PoolSample& sample : pool().samples) ++counts[sample.skill];
  ASSERT_EQ(counts.size(), static_cast<std::size_t>(kSkills));
  EXPECT_GE(pool().samples.size(), 8000u);
  EXPECT_GE(static_cast<double>(counts[Skill::kExist]) / counts[Skill::kArrow], 20);
  const auto promised = skill_counts(static_cast<std::int64_t>(pool().samples.size()));
  for (const auto& [skill, count] : counts) EXPECT_EQ(count, promised[static_cast<int>(skill)]) << name(skill);
}

TEST(MiniPool, EverySkillIsServedBySeveralSceneTypesAndTheReverse) {
  std::map<Skill, std::map<SceneType, int>> by_skill;
  std::map<SceneType, std::set<Skill>> by_scene;
  for (const PoolSample& sample : pool().samples) {
    ++by_skill[sample.skill][sample.scene];
    by_scene[sample.scene].insert(sample.skill);
  }
  for (const auto& [skill, scenes] : by_skill) {
    EXPECT_GE(scenes.size(), 2u) << name(skill);
    int all = 0, largest = 0;
    for (const auto& [scene, count] : scenes) {
      all += count;
      largest = std::max(largest, count);
    }
    EXPECT_LE(largest, 0.65 * all) << name(skill);  // choosing by appearance is not choosing by skill
  }
  for (const auto& [scene, skills] : by_scene) EXPECT_GE(skills.size(), 6u) << name(scene);
}

TEST(MiniPool, HasThePromisedSharesOfDuplicatesAndMistakes) {
  std::map<SampleKind, int> kinds;
  for (const PoolSample& sample : pool().samples) ++kinds[sample.kind];
  const auto size = static_cast<double>(pool().samples.size());
  EXPECT_NEAR(kinds[SampleKind::kExact] / size, 0.04, 0.002);
  EXPECT_NEAR(kinds[SampleKind::kNear] / size, 0.10, 0.002);
  EXPECT_NEAR(kinds[SampleKind::kWrong] / size, 0.025, 0.001);
  EXPECT_NEAR(kinds[SampleKind::kIrrelevant] / size, 0.025, 0.001);
}

TEST(MiniPool, DuplicatesRepeatTheirOrigin) {
  int redrawn = 0, near = 0;
  for (const PoolSample& sample : pool().samples) {
    const bool duplicate = sample.kind == SampleKind::kExact || sample.kind == SampleKind::kNear;
    ASSERT_EQ(sample.origin >= 0, duplicate);
    if (!duplicate) continue;
    const PoolSample& origin = pool().samples[static_cast<std::size_t>(sample.origin)];
    ASSERT_EQ(sample.turns.size(), origin.turns.size());
    EXPECT_EQ(sample.skill, origin.skill);
    EXPECT_EQ(template_key(pool().images[sample.image].scene), template_key(pool().images[origin.image].scene));
    for (std::size_t i = 0; i < sample.turns.size(); ++i) {
      EXPECT_EQ(sample.turns[i].question.key, origin.turns[i].question.key);
      if (sample.kind != SampleKind::kExact) continue;
      EXPECT_EQ(sample.image, origin.image);
      EXPECT_EQ(sample.turns[i].user, origin.turns[i].user);
      EXPECT_EQ(sample.turns[i].assistant, origin.turns[i].assistant);
    }
    near += sample.kind == SampleKind::kNear;
    redrawn += sample.image != origin.image;
  }
  EXPECT_NEAR(static_cast<double>(redrawn) / near, 0.5, 0.08);
}

TEST(MiniPool, HasOneToTenTurnsAndSeveralSamplesAnImage) {
  double turns = 0;
  std::size_t most = 0;
  for (const PoolSample& sample : pool().samples) {
    ASSERT_TRUE(!sample.turns.empty() && sample.turns.size() <= 10);
    turns += static_cast<double>(sample.turns.size());
    most = std::max(most, sample.turns.size());
    std::set<std::string> keys;
    for (std::size_t i = 0; i < sample.turns.size(); ++i) {
      EXPECT_EQ(sample.turns[i].user.find("<image>") != std::string::npos, i == 0);
      EXPECT_TRUE(keys.insert(sample.turns[i].question.key).second) << "asked twice";
    }
  }
  EXPECT_EQ(most, 10u);
  EXPECT_NEAR(turns / static_cast<double>(pool().samples.size()), 2.1, 0.2);
  EXPECT_NEAR(static_cast<double>(pool().images.size()), 3500, 300);
}

TEST(MiniPool, EveryTextIsWithinTheVocabulary) {
  for (const PoolSample& sample : pool().samples) {
    for (const PoolTurn& turn : sample.turns) {
      for (const std::string* text : {&turn.user, &turn.assistant}) {
        for (const std::string& piece : to_pieces(*text)) ASSERT_NE(piece, "<unk>") << *text;
      }
    }
  }
}

/// The answer to the open question that a turn states, claims or denies.
void check_turn(const Scene& scene, const PoolTurn& turn) {
  const auto right = oracle(scene, turn.question.key);
  if (!right) return;
  switch (turn.asked.form) {
    case Form::kOpen: EXPECT_EQ(turn.assistant, open_answer(*right)) << turn.user; break;
    case Form::kChoice: {
      ASSERT_EQ(turn.assistant.size(), 1u);
      const auto index = static_cast<std::size_t>(turn.assistant[0] - 'A');
      ASSERT_LT(index, turn.asked.options.size());
      EXPECT_EQ(turn.asked.options[index], *right) << turn.user;
      EXPECT_EQ(std::count(turn.asked.options.begin(), turn.asked.options.end(), *right), 1) << turn.user;
      EXPECT_NE(turn.user.find(fmt::format("\n{}. {}\n", turn.assistant, *right)), std::string::npos);
      break;
    }
    case Form::kYesNo: {
      if (turn.question.skill == Skill::kCompare) break;  // names both in either case
      const auto pieces = to_pieces(turn.asked.text), wanted = to_pieces(*right);
      const auto at = std::search(pieces.begin(), pieces.end(), wanted.begin(), wanted.end());
      EXPECT_EQ(at != pieces.end(), turn.assistant == "yes") << turn.user;
      break;
    }
  }
}

TEST(MiniPool, CleanAnswersAgreeWithTheOracle) {
  int checked = 0;
  for (const PoolSample& sample : pool().samples) {
    if (sample.kind != SampleKind::kClean) continue;
    const Scene& scene = pool().images[static_cast<std::size_t>(sample.image)].scene;
    for (const PoolTurn& turn : sample.turns) {
      check_turn(scene, turn);
      checked += oracle(scene, turn.question.key).has_value();
    }
  }
  EXPECT_GT(checked, 8000);
}

TEST(MiniPool, ExistenceIsTrue) {
  for (const PoolSample& sample : pool().samples) {
    if (sample.kind != SampleKind::kClean) continue;
    const Scene& scene = pool().images[static_cast<std::size_t>(sample.image)].scene;
    std::set<std::string> present;
    const auto note = [&](char letter, const std::optional<Shape>& shape, Color color) {
      if (letter) present.insert(std::string("the letter ") += letter);
      if (!shape) return;
      present.insert(fmt::format(" {}", name(*shape)));
      present.insert(fmt::format(" {} {}", name(color), name(*shape)));
    };
    for (const Item& item : scene.items) note(item.letter, item.shape, item.color);
    for (const Column& column : scene.columns) note(column.letter, column.shape, column.color);
    for (const PoolTurn& turn : sample.turns) {
      if (turn.asked.skill != Skill::kExist) continue;
      std::string thing = turn.asked.text;  // "is there a red circle in the image?" -> " red circle"
      for (const char* start : {"is there ", "can you see ", "does the image show "}) {
        if (thing.starts_with(start)) thing = thing.substr(std::string(start).size());
      }
      thing = thing.substr(0, thing.find_first_of('?'));
      if (thing.ends_with(" in the image")) thing.resize(thing.size() - 13);
      if (!thing.starts_with("the letter ")) thing = thing.substr(thing.find(' '));
      EXPECT_EQ(present.count(thing) > 0, turn.assistant == "yes") << turn.user;
    }
  }
}

TEST(MiniPool, AnswersAreBalanced) {
  std::map<Skill, std::array<int, 2>> truth;
  std::map<std::size_t, std::map<std::string, int>> letters;
  std::map<std::size_t, int> choices;
  for (const PoolSample& sample : pool().samples) {
    for (const PoolTurn& turn : sample.turns) {
      if (turn.asked.form == Form::kYesNo) ++truth[turn.asked.skill][turn.asked.answer == "yes"];
      if (turn.asked.form != Form::kChoice) continue;
      ++letters[turn.asked.options.size()][turn.asked.answer];
      ++choices[turn.asked.options.size()];
    }
  }
  for (const auto& [skill, count] : truth) {
    const int all = count[0] + count[1];
    EXPECT_NEAR(count[1], all / 2.0, 3 + 0.06 * all) << name(skill);  // exact before duplicates
  }
  for (const auto& [options, by_letter] : letters) {
    EXPECT_EQ(by_letter.size(), options);
    const double even = static_cast<double>(choices[options]) / static_cast<double>(options);
    for (const auto& [letter, count] : by_letter) EXPECT_NEAR(count, even, 5 * std::sqrt(even)) << letter;
  }
}

TEST(MiniPool, IsAFunctionOfItsSeed) {
  MiniWorldOptions options;
  options.pool_size = 300;
  const std::string first = pool_json(plan_pool(options));
  EXPECT_EQ(pool_json(plan_pool(options)), first);
  options.seed = 2;
  EXPECT_NE(pool_json(plan_pool(options)), first);
}

}  // namespace
}  // namespace scalselect::mini
