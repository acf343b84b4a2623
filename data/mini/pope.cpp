#include "data/mini/pope.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "data/mini/things.h"

namespace scalselect::mini {
namespace {

using Object = std::pair<std::string, std::string>;  // colour, shape

constexpr int kPresent = 3, kAbsent = 3;

struct Candidate {
  Scene scene;
  std::vector<Object> present, crossed;  ///< crossed: colour and shape occur, but not together
};

Candidate inspect(const Scene& scene) {
  Candidate candidate{scene, {}, {}};
  std::set<Object> present;
  for (const Thing& thing : things(scene)) present.emplace(thing.color, thing.shape);
  candidate.present.assign(present.begin(), present.end());
  std::set<Object> crossed;
  for (const Object& a : present) {
    for (const Object& b : present) {
      if (!present.count({a.first, b.second})) crossed.emplace(a.first, b.second);
    }
  }
  candidate.crossed.assign(crossed.begin(), crossed.end());
  return candidate;
}

std::vector<Object> absent_objects(const Candidate& candidate) {
  std::vector<Object> absent;
  for (const std::string& color : domain(Attribute::kColor, candidate.scene.type)) {
    for (const std::string& shape : domain(Attribute::kShape, candidate.scene.type)) {
      const Object object{color, shape};
      const auto& present = candidate.present;
      if (std::find(present.begin(), present.end(), object) == present.end()) absent.push_back(object);
    }
  }
  return absent;
}

std::vector<Object> first_of(std::vector<Object> objects, std::size_t count) {
  objects.resize(std::min(count, objects.size()));
  return objects;
}

std::vector<Candidate> draw_candidates(const MiniWorldOptions& options, std::set<std::string>& used, Rng& rng) {
  static constexpr std::array<SceneType, 3> kTypes = {SceneType::kObjects, SceneType::kLabels, SceneType::kFlow};
  std::vector<Candidate> candidates;
  while (static_cast<std::int64_t>(candidates.size()) < options.pope_images) {
    Candidate candidate = inspect(sample_scene(rng, kTypes[candidates.size() % kTypes.size()], Split::kBenchmark));
    if (candidate.present.size() < kPresent || candidate.crossed.size() < kAbsent) continue;
    if (used.insert(template_key(candidate.scene)).second) candidates.push_back(std::move(candidate));
  }
  return candidates;
}

Asked ask(const Object& object, bool present) {
  const std::string phrase = object.first + " " + object.second;
  const bool vowel = std::string("aeiou").find(phrase[0]) != std::string::npos;
  return {Skill::kExist,
          Form::kYesNo,
          "exist/" + phrase,
          fmt::format("is there {} {} in the image?", vowel ? "an" : "a", phrase),
          present ? "yes" : "no",
          {},
          0.5};
}

}  // namespace

BenchmarkPlan plan_pope(const MiniWorldOptions& options, std::set<std::string>& used) {
  BenchmarkPlan plan;
  plan.name = "mini-pope";
  Rng rng(static_cast<std::uint64_t>(options.seed), "mini/mini-pope");
  auto candidates = draw_candidates(options, used, rng);
  std::map<Object, int> frequency;
  for (Candidate& candidate : candidates) {
    for (const Object& object : candidate.present) ++frequency[object];
    rng.shuffle(candidate.present);
    rng.shuffle(candidate.crossed);
    const auto number = plan.pictures.size();
    plan.pictures.push_back({candidate.scene, fmt::format("mini-pope/picture/{}", number)});
  }
  for (const char* split : {"adversarial", "popular", "random"}) {
    const std::string name = split;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      std::vector<Object> absent = name == "adversarial" ? candidates[i].crossed : absent_objects(candidates[i]);
      if (name == "random") rng.shuffle(absent);
      if (name == "popular") {
        std::stable_sort(absent.begin(), absent.end(),
                         [&](const Object& a, const Object& b) { return frequency[a] > frequency[b]; });
      }
      absent = first_of(std::move(absent), kAbsent);
      for (std::size_t k = 0; k < kAbsent; ++k) {  // yes and no alternate, as in POPE
        plan.items.push_back({static_cast<int>(i), ask(candidates[i].present[k], true), "", name});
        plan.items.push_back({static_cast<int>(i), ask(absent[k], false), "", name});
      }
    }
  }
  return plan;
}

}  // namespace scalselect::mini
