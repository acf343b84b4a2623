#include <gtest/gtest.h>

#include <map>
#include <set>

#include "data/mini/facts.h"
#include "data/mini/lexicon.h"
#include "data/mini/lookups.h"
#include "data/mini/things.h"
#include "mini_oracle.h"

namespace scalselect::mini {
namespace {

std::vector<Scene> draw(int count, Split split = Split::kTraining) {
  Rng rng(11, "facts");
  std::vector<Scene> scenes;
  for (int i = 0; i < count; ++i) scenes.push_back(sample_scene(rng, static_cast<SceneType>(i % kSceneTypes), split));
  return scenes;
}

TEST(MiniFacts, AreMadeOfLexiconPiecesWithKeysFirst) {
  Rng rng(1, "x");
  std::set<FactType> types;
  for (const Scene& scene : draw(350)) {
    for (const Fact& fact : all_facts(scene, rng)) {
      types.insert(fact.type);
      ASSERT_EQ(fact.pieces.size(), fact.is_value.size());
      for (const std::string& piece : fact.pieces) EXPECT_TRUE(piece_id(piece)) << piece;
      EXPECT_EQ(fact.is_value.front(), 0) << name(fact.type);  // a value without a key cannot be known
      EXPECT_GT(std::count(fact.is_value.begin(), fact.is_value.end(), 1), 0);
    }
  }
  EXPECT_EQ(types.size(), static_cast<std::size_t>(kFactTypes));
}

TEST(MiniFacts, AttributeValuesAgreeWithTheOracle) {
  Rng rng(2, "x");
  int checked = 0;
  static const std::map<FactType, std::pair<std::string, std::string>> kinds = {
      {FactType::kShapeColor, {"color", "shape"}},       {FactType::kColorShape, {"shape", "color"}},
      {FactType::kPositionColor, {"color", "position"}}, {FactType::kLetterValue, {"value", "letter"}},
      {FactType::kShapePosition, {"position", "shape"}}, {FactType::kColorLetter, {"label", "color"}}};
  for (const Scene& scene : draw(700)) {
    for (const Lookup& lookup : all_lookups(scene, rng)) {
      const auto kind = kinds.find(lookup.type);
      if (kind == kinds.end()) continue;
      std::optional<std::string> right;
      for (const std::string& piece : lookup.prompt) {  // the key is the one word of the prompt that names something
        if (piece == "letter" && kind->second.second != "letter") continue;
        const auto found = oracle(scene, kind->second.first + "/" + kind->second.second + "=" + piece);
        if (found) right = found;
      }
      ASSERT_TRUE(right) << template_key(scene);
      EXPECT_EQ(lookup.answer, std::vector<std::string>{*right}) << template_key(scene);
      ++checked;
    }
  }
  EXPECT_GT(checked, 1500);
}

TEST(MiniFacts, OptionLettersPointAtTheRightContent) {
  Rng rng(3, "x");
  for (const Scene& scene : draw(350)) {
    for (const Fact& fact : all_facts(scene, rng)) {
      if (fact.type != FactType::kOptionText) continue;
      std::map<std::string, std::string> content;  // letter -> content
      std::size_t i = 0;
      for (; fact.pieces[i] != ":"; i += 3) content[fact.pieces[i]] = fact.pieces[i + 2];
      for (++i; fact.pieces[i] != "."; i += 2) {
        EXPECT_EQ(content.at(fact.pieces[i + 1]), fact.pieces[i]);
        EXPECT_EQ(fact.is_value[i + 1], 1);
      }
    }
  }
}

TEST(MiniFacts, StatementsAreTrueAsOftenAsFalse) {
  Rng rng(4, "x");
  std::map<FactType, std::array<int, 2>> counts;
  for (const Scene& scene : draw(1400)) {
    for (const Lookup& lookup : all_lookups(scene, rng)) {
      if (is_yes_no(lookup)) ++counts[lookup.type][lookup.answer[0] == "yes"];
    }
  }
  EXPECT_EQ(counts[FactType::kExist][0], counts[FactType::kExist][1]);
  EXPECT_EQ(counts[FactType::kExistLetter][0], counts[FactType::kExistLetter][1]);
  const auto [no, yes] = counts[FactType::kVerify];
  EXPECT_NEAR(static_cast<double>(yes) / (yes + no), 0.5, 0.02);
}

TEST(MiniFacts, SamplingIsDeterministicAndNoiseChangesNoValue) {
  FactSampling sampling;
  sampling.noise_share = 1;
  for (const Scene& scene : draw(70)) {
    Rng first(7, "a"), second(7, "a");
    const auto facts = sample_facts(scene, first, sampling), again = sample_facts(scene, second, sampling);
    ASSERT_LE(facts.size(), 12u);
    ASSERT_EQ(facts.size(), again.size());
    for (std::size_t i = 0; i < facts.size(); ++i) {
      EXPECT_EQ(facts[i].pieces, again[i].pieces);
      EXPECT_EQ(facts[i].pieces.size(), facts[i].is_value.size());
      EXPECT_EQ(facts[i].pieces.back(), ".");
    }
  }
}

TEST(MiniFacts, ProbesCoverEveryLookup) {
  Rng rng(8, "x");
  std::map<FactType, int> seen;
  for (const Scene& scene : draw(1400, Split::kProbe)) {
    std::set<FactType> types;
    for (const Probe& probe : lookup_probes(scene, rng)) {
      EXPECT_TRUE(types.insert(probe.type).second);
      EXPECT_FALSE(probe.prompt.empty());
      EXPECT_FALSE(probe.answer.empty());
      EXPECT_TRUE(probe.chance >= 0 && probe.chance <= 0.5) << name(probe.type);
      ++seen[probe.type];
    }
  }
  for (int i = 0; i < kFactTypes; ++i) {
    const auto type = static_cast<FactType>(i);
    EXPECT_EQ(seen.count(type), is_lookup_of_a_skill(type)) << name(type);
  }
  for (const auto& [type, count] : seen) EXPECT_GT(count, 50) << name(type);
}

TEST(MiniFacts, DescriptionsNameEverything) {
  for (const Scene& scene : draw(350)) {
    const std::string text = join_pieces(describe(scene).pieces);
    for (const Thing& thing : things(scene)) {
      for (const std::string* word : {&thing.color, &thing.shape, &thing.letter, &thing.value}) {
        EXPECT_NE(text.find(*word), std::string::npos) << text;
      }
    }
    if (!scene.word) continue;
    EXPECT_NE(text.find(scene.word->text), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace scalselect::mini
