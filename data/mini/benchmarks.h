// Small held-out benchmarks in the file layouts of the real ones (docs/benchmarks.md).
//
// folder            layout                                                             answer
// mini-mmbench/     MMBench_DEV_EN.tsv: every rotation a row, later ones refer to the   letters
//                   first one's image by index
// mini-pope/        coco_pope_{adversarial,popular,random}.json (JSON Lines), images/  yes/no
// mini-mme/         <category>/<stem>.png + <stem>.txt, two questions each             yes/no
// mini-ai2d/        AI2D_TEST.tsv                                                      letters
// mini-scienceqa/   problems.json, pid_splits.json, llava_test_CQM-A.json,             letters
//                   images/test/<id>/image.png
// mini-ocrbench/    OCRBench.json, OCRBench_Images/                                    words
//
// Beside each lies skills.jsonl: {"id", "skill", "form", "scene", "chance"}; ids as in eval/skills.h. Scenes
// are of Split::kBenchmark, so none of their layouts and words occurs in the pool or in pre-training, and none is used
// twice.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/mini/options.h"
#include "data/mini/pictures.h"
#include "data/mini/scene.h"
#include "data/mini/skills.h"

namespace scalselect::mini {

/// One line of skills.jsonl.
struct SkillTag {
  std::string id;
  Skill skill{};
  Form form{};
  SceneType scene{};
  double chance = 0;  ///< of a guess at one row
};

/// One question of a benchmark, from which its files are written.
struct BenchmarkItem {
  int picture = 0;  ///< index into BenchmarkPlan::pictures
  Asked asked;
  std::string hint;   ///< may be empty
  std::string group;  ///< MME: category. POPE: the file
};

struct BenchmarkPlan {
  std::string name;  ///< "mini-mmbench"
  std::vector<Picture> pictures;
  std::vector<BenchmarkItem> items;  ///< MME: two in a row share a picture; MMBench: first rotations
  std::int64_t questions() const { return static_cast<std::int64_t>(items.size()); }
};

/// All six, planned but not drawn. A pure function of the options.
std::vector<BenchmarkPlan> plan_benchmarks(const MiniWorldOptions& options);

/// The files of a benchmark: path below its folder -> bytes, skills.jsonl among them.
std::map<std::string, std::string> benchmark_files(const BenchmarkPlan& plan, std::int64_t seed);

/// Questions of each skill over all plans (MMBench's rotations count once).
std::map<std::string, std::int64_t> questions_by_skill(const std::vector<BenchmarkPlan>& plans);

}  // namespace scalselect::mini
