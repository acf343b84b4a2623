// The instruction pool: a long tail of skills over scenes that several samples share, with duplicates and mistakes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/mini/options.h"
#include "data/mini/scene.h"
#include "data/mini/skills.h"

namespace scalselect::mini {

enum class SampleKind : std::uint8_t {
  kClean,
  kWrong,       ///< every answer is wrong
  kIrrelevant,  ///< question and answers were asked of another scene
  kExact,       ///< copy of another sample, id apart
  kNear,        ///< the same questions and answers in other words, on the same picture or a newly drawn one
};
inline constexpr int kSampleKinds = 5;
std::string_view name(SampleKind kind);  ///< "clean", "wrong", "irrelevant", "exact_duplicate", "near_duplicate"

struct PoolTurn {
  Question question;
  Asked asked;
  std::string user, assistant;  ///< as written in the pool, image tag included
};

struct PoolSample {
  int image = 0;  ///< index into PoolPlan::images
  Skill skill{};  ///< of the first turn; later turns may ask for others
  SceneType scene{};
  std::vector<PoolTurn> turns;
  SampleKind kind = SampleKind::kClean;
  int origin = -1;  ///< row that a duplicate repeats
};

struct PoolImage {
  Scene scene;
  std::string noise_stream;  ///< name of the random stream that draws it; unique
};

struct PoolPlan {
  std::vector<PoolImage> images;
  std::vector<PoolSample> samples;  ///< in pool order
};

/// Samples of each skill in a pool of `size`: a long tail, largest to smallest 21:1, adding up to `size`.
std::array<std::int64_t, kSkills> skill_counts(std::int64_t size);

/// Everything but the pixels. Scenes are of Split::kTraining. A pure function of the options.
PoolPlan plan_pool(const MiniWorldOptions& options);

/// "000017.png"
std::string image_name(int image);
/// "mini-000017"
std::string sample_id(std::int64_t row);

/// pool.json: LLaVA's layout, one sample per line. `source` is "<skill>/<scene type>".
std::string pool_json(const PoolPlan& plan);

/// One line per sample: row, id, skill, scene, kind, origin, and skill, form and key of each turn. For analysis only.
std::string pool_truth_jsonl(const PoolPlan& plan);

}  // namespace scalselect::mini
