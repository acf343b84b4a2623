#include "data/mini/generate.h"

#include <map>
#include <string>

#include "core/error.h"
#include "core/files.h"
#include "data/mini/benchmarks.h"
#include "data/mini/pictures.h"
#include "data/mini/pool.h"
#include "data/mini/render.h"

namespace scalselect::mini {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Counts = std::map<std::string, std::int64_t>;

template <class T>
std::string text(T value) {
  return std::string(name(value));
}

Json describe_pool(const PoolPlan& plan) {
  Counts skills, turn_skills, scenes, sources, forms, kinds, turns;
  std::int64_t turn_count = 0;
  for (const PoolSample& sample : plan.samples) {
    ++skills[text(sample.skill)];
    ++scenes[text(sample.scene)];
    ++sources[text(sample.skill) + "/" + text(sample.scene)];
    ++kinds[text(sample.kind)];
    ++turns[std::to_string(sample.turns.size())];
    for (const PoolTurn& turn : sample.turns) {
      ++turn_count;
      ++turn_skills[text(turn.asked.skill)];
      ++forms[text(turn.asked.form)];
    }
  }
  return {{"samples", plan.samples.size()}, {"images", plan.images.size()},  {"turns", turn_count},
          {"samples_by_skill", skills},     {"turns_by_skill", turn_skills}, {"samples_by_scene", scenes},
          {"samples_by_source", sources},   {"turns_by_form", forms},        {"samples_by_kind", kinds},
          {"samples_by_turns", turns}};
}

Json describe_benchmarks(const std::vector<BenchmarkPlan>& plans) {
  Json by_name = Json::object();
  std::int64_t total = 0;
  for (const BenchmarkPlan& plan : plans) {
    Counts skills;
    std::int64_t rows = 0;
    for (const BenchmarkItem& item : plan.items) {
      ++skills[text(item.asked.skill)];
      rows += plan.name == "mini-mmbench" ? static_cast<std::int64_t>(item.asked.options.size()) : 1;
    }
    by_name[plan.name] = {{"questions", plan.questions()},
                          {"rows", rows},
                          {"images", plan.pictures.size()},
                          {"questions_by_skill", skills}};
    total += plan.questions();
  }
  return {{"questions", total}, {"questions_by_skill", questions_by_skill(plans)}, {"benchmarks", by_name}};
}

/// Removes the files of an earlier world and nothing else.
void clear(const fs::path& folder) {
  std::error_code error;
  for (const char* part : {"manifest.json", "pool.json", "pool_truth.jsonl", "images", "benchmarks"}) {
    fs::remove_all(folder / part, error);
    if (error) {
      throw UserError(ErrorKind::kEnvironment, (folder / part).string() + " cannot be removed: " + error.message(),
                      "Choose a folder that can be written.");
    }
  }
}

}  // namespace

nlohmann::ordered_json write_mini_world(const fs::path& folder, const MiniWorldOptions& options, const Report& report) {
  const PoolPlan pool = plan_pool(options);
  const auto plans = plan_benchmarks(options);
  std::int64_t total = static_cast<std::int64_t>(pool.images.size()), done = 0;
  for (const BenchmarkPlan& plan : plans) total += static_cast<std::int64_t>(plan.pictures.size());
  const auto advance = [&](std::size_t pictures) {
    done += static_cast<std::int64_t>(pictures);
    if (report) report(done, total);
  };

  ensure_folder(folder);
  clear(folder);
  std::vector<Picture> pictures;
  for (const PoolImage& image : pool.images) pictures.push_back({image.scene, image.noise_stream});
  const auto png = encode_pictures(pictures, options.seed);
  for (std::size_t i = 0; i < png.size(); ++i) write_plain(folder / "images" / image_name(static_cast<int>(i)), png[i]);
  advance(png.size());
  write_plain(folder / "pool.json", pool_json(pool));
  write_plain(folder / "pool_truth.jsonl", pool_truth_jsonl(pool));
  for (const BenchmarkPlan& plan : plans) {
    for (const auto& [path, bytes] : benchmark_files(plan, options.seed)) {
      write_plain(folder / "benchmarks" / plan.name / path, bytes);
    }
    advance(plan.pictures.size());
  }
  Json manifest = {
      {"options", dump_options(options)}, {"pool", describe_pool(pool)}, {"held_out", describe_benchmarks(plans)}};
  write_file_atomically(folder / "manifest.json", manifest.dump(1) + "\n");
  return manifest;
}

void write_contact_sheet(const fs::path& file, int per_type) {
  Rng rng(1, "sheet");
  std::vector<Image> pictures;
  for (int type = 0; type < kSceneTypes; ++type) {
    for (int i = 0; i < per_type; ++i) {
      const Scene scene = sample_scene(rng, static_cast<SceneType>(type), Split::kTraining);
      pictures.push_back(render(scene, rng));
    }
  }
  write_png(file, contact_sheet(pictures, per_type));
}

}  // namespace scalselect::mini
