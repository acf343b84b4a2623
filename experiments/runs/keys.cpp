#include "experiments/runs/keys.h"

#include "core/hash.h"
#include "eval/registry.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

/// Digests of pictures by path.
class PictureDigests {
 public:
  explicit PictureDigests(const fs::path& image_cache) : image_cache_(image_cache) {}
  const std::string& of(const std::string& path) {
    auto [entry, fresh] = known_.try_emplace(path);
    if (fresh) {
      const fs::path file(path);
      entry->second = file.parent_path() == image_cache_ ? file.stem().string() : sha256_file(file);
    }
    return entry->second;
  }

 private:
  const fs::path& image_cache_;
  std::map<std::string, std::string> known_;
};

}  // namespace

nlohmann::json training_identity(nlohmann::json trainer) {
  for (const char* key : {"checkpoint_every", "feature_cache_mb"}) trainer.erase(key);
  return trainer;
}

nlohmann::json answering_identity(nlohmann::json benchmark) {
  for (const char* key : {"path", "images", "skills", "display", "columns", "matcher"}) benchmark.erase(key);
  return benchmark;
}

const nlohmann::json& BenchmarkDigests::inputs(const eval::BenchmarkOptions& options) {
  auto [entry, fresh] = known_.try_emplace(dump_options(options).dump());
  if (!fresh && !entry->second.is_null()) return entry->second;
  const auto benchmark = eval::make_benchmark(options);
  PictureDigests pictures(image_cache_);
  Sha256 hash;
  for (const auto& question : benchmark->load(image_cache_.string())) {
    nlohmann::json content = {question.id, question.skill};
    for (std::size_t i = 0; i < question.images.size(); ++i)
      content.push_back({question.image_names[i], pictures.of(question.images[i])});
    hash.update(content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)).update("\n");
  }
  entry->second = {{"benchmark", benchmark->fingerprint()}, {"questions", hash.finish()}};
  return entry->second;
}

}  // namespace scalselect::pipeline
