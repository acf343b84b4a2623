#include "experiments/inputs/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/file_digests.h"
#include "core/hash.h"
#include "core/log.h"
#include "experiments/resources.h"
#include "experiments/runs/warnings.h"

namespace scalselect::inputs {
namespace fs = std::filesystem;
namespace {

constexpr int kWorldVersion = 1;

}  // namespace

fs::path find_path(const std::string& path) {
  if (path.empty() || fs::exists(path)) return path;
  const fs::path inside = resource_folder() / path;
  return fs::exists(inside) ? inside : fs::path(path);
}

void PoolOptions::bind_path(OptionBinder& binder) {
  const char* help = "";
  std::vector<std::string> paths;
  try {
    binder.field("path", path, help);
    return;
  } catch (const UserError& no_text) {
    try {
      binder.field("path", paths, help);
      for (auto& item : paths) entries.push_back({std::move(item), {}, {}, {}, {}});
    } catch (const UserError& no_texts) {
      // What is wrong is said of what was meant: of a list its element, of anything else the whole.
      const bool is_list = no_texts.problem().substr(0, no_texts.problem().find(' ')) !=
                           no_text.problem().substr(0, no_text.problem().find(' '));
      if (!is_list) throw no_text;
      binder.field("path", entries, help);
    }
  }
  if (entries.empty()) {
    throw UserError(ErrorKind::kUsage, "The list of pools is empty.", "Give pool.path at least one path.");
  }
}

std::vector<PoolEntry> PoolOptions::parts() const {
  auto parts = entries;
  if (parts.empty()) parts.push_back({path, {}, {}, {}, {}});
  for (auto& part : parts) {
    part.path = find_path(part.path).string();
    if (!part.image_root) part.image_root = image_root;
  }
  return parts;
}

std::optional<PoolOptions> target_from(const nlohmann::json& tree, const KeyOrigin& origin) {
  const bool on_disk = tree.is_object() && tree.value("kind", nlohmann::json("file")) == "file";
  if (tree.is_null() || (on_disk && tree.value("path", nlohmann::json()).is_null())) return {};
  return bind_options<PoolOptions>(tree, "target", origin);
}

OpenPool open_pool(const PoolOptions& options, const ArtifactCache& cache) {
  OpenPool open;
  if (options.kind == PoolOptions::Kind::kMini) {
    StageKey key{"world", kWorldVersion, nlohmann::json::object(), nlohmann::json(dump_options(options.world))};
    const auto [folder, cached] = pipeline::ensure_artifact(cache, key, [&](const fs::path& fresh) {
      log_info("rendering the mini world (pool and benchmarks)");
      mini::write_mini_world(fresh, options.world);
      return nlohmann::json::object();
    });
    open.benchmarks = folder / "benchmarks";
    open.pool = std::make_shared<Pool>(folder / "pool.json", folder / "images");
  } else {
    open.pool = std::make_shared<Pool>(options.parts());
  }
  open.path = open.pool->file();
  open.files = open.pool->files();
  open.digest = open.pool->digest(FileDigests(cache.root() / "digests"));
  return open;
}

std::string model_digest(const fs::path& folder, const ArtifactCache& cache) {
  if (!fs::is_directory(folder)) {
    throw UserError(
        ErrorKind::kInput, fmt::format("There is no model folder '{}'.", folder.string()),
        "Give the path of a Hugging Face folder (config.json, *.safetensors, tokenizer.json) as model.path.");
  }
  // Configuration, tokenizer (vocabularies as .txt too), chat template, weights of either kind.
  const std::set<std::string> read = {".json", ".jinja", ".txt", ".model", ".safetensors", ".bin"};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && read.contains(entry.path().extension().string())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  const FileDigests digests(cache.root() / "digests");
  Sha256 hash;
  for (const auto& file : files) {
    // Probe values are a record about the checkpoint, not a part of it.
    if (file.filename() != "probes.json")
      hash.update(file.filename().string()).update("\n").update(digests.sha256(file));
  }
  return hash.finish();
}

}  // namespace scalselect::inputs
