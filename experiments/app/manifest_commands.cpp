// verify, replay: whether a selection's files are what its manifest says, and whether choosing again gives its rows.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/sorted_rows.h"
#include "data/pool_paths.h"
#include "data/selection.h"
#include "experiments/app/plain_words.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/build_info.h"

namespace scalselect::app {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using pipeline::Manifest;

/// One thing that a manifest names.
struct Item {
  const char* state = "ok";  ///< "ok", "changed", "missing"
  std::string what, place;
};

/// Single files that a selection may be made from, by the keys of `select`, which are their roles too.
constexpr const char* kLists[] = {"exclude", "features", "must_keep", "scores"};

/// The manifest's settings, with what the words name elsewhere today.
nlohmann::json settings_of(const Manifest& manifest, const PlainWords& asked) {
  nlohmann::json settings = manifest.settings();
  if (const auto pool = asked.value("pool"); !pool.empty()) {
    settings["pool"] = {{"kind", "file"}, {"path", pool}};
    const Json::json_pointer root("/pool/image_root");
    if (manifest.settings().contains(root)) settings["pool"]["image_root"] = manifest.settings()[root];
  }
  if (const auto root = asked.value("image_root"); !root.empty()) settings["pool"]["image_root"] = root;
  if (const auto model = asked.value("model"); !model.empty()) settings["model"]["path"] = model;
  for (const char* key : kLists) {
    const auto file = asked.value(key);
    if (file.empty()) continue;
    if (!manifest.settings().contains(key)) {
      throw UserError(ErrorKind::kUsage, fmt::format("'{}' was made without {}.", manifest.file.string(), key),
                      fmt::format("Leave {}= out.", key));
    }
    settings[key] = file;
  }
  return settings;
}

class Check {
 public:
  Check(const Manifest& manifest, nlohmann::json settings, const ArtifactCache& cache)
      : manifest_(manifest), settings_(std::move(settings)), cache_(cache), digests_(cache.root() / "digests") {}

  /// What the selection was made from.
  std::vector<Item> inputs() {
    for (const auto& input : manifest_.tree.at("inputs")) {
      const auto role = pipeline::text_at(input, "role");
      if (role == "model") model(input);
      else if (role == "pool" || role == "target") pool(role, input);
      else
        for (const auto& file : files_of(input)) {
          const auto today = settings_.find(role);
          const bool named = today != settings_.end() && today->is_string();
          compare(role, named ? today->get<std::string>() : pipeline::text_at(file, "path"),
                  pipeline::text_at(file, "sha256"));
        }
    }
    return std::move(items_);
  }

  Item subset(const fs::path& file) {
    compare("subset", file, manifest_.tree.at("subset").at("sha256").get<std::string>());
    auto item = items_.back();
    items_.pop_back();
    return item;
  }

 private:
  static Json files_of(const Json& input) {
    const auto found = input.find("files");
    return found != input.end() && found->is_array() ? *found : Json::array();
  }

  bool add(const char* state, const std::string& what, const fs::path& place) {
    items_.push_back({state, what, place.string()});
    return state == std::string("ok");
  }

  bool compare(const std::string& what, const fs::path& file, const std::string& recorded) {
    std::error_code unknown;
    if (!fs::exists(file, unknown)) return add("missing", what, file);
    const bool folder = fs::is_directory(file, unknown);  // of a subset's shards
    const auto digest = folder ? pipeline::subset_digest(file) : digests_.sha256(file);
    return add(digest == recorded ? "ok" : "changed", what, file);
  }

  /// The files of a pool against those of the manifest, in their order.
  bool compare_all(const std::string& role, const std::vector<fs::path>& files, const Json& recorded) {
    bool same = files.size() == recorded.size() ||
                add("changed", role, fmt::format("{} files, {} when it was chosen", files.size(), recorded.size()));
    for (std::size_t i = 0; i < files.size() && same; ++i)
      same = compare(role, files[i], pipeline::text_at(recorded[i], "sha256"));
    return same;
  }

  void model(const Json& input) {
    const auto options = settings_.value("model", nlohmann::json());
    const auto asked = options.is_object() ? pipeline::text_at(options, "path") : std::string();
    const auto folder = inputs::find_path(asked.empty() ? pipeline::text_at(input, "path") : asked);
    std::error_code unknown;
    if (!fs::is_directory(folder, unknown)) add("missing", "model", folder);
    else
      add(inputs::model_digest(folder, cache_) == pipeline::text_at(input, "digest") ? "ok" : "changed", "model",
          folder);
  }

  void pool(const std::string& role, const Json& input) {
    const auto options = bind_options<inputs::PoolOptions>(settings_.value(role, nlohmann::json::object()), role);
    const bool on_disk = options.kind == inputs::PoolOptions::Kind::kFile;
    const auto recorded = files_of(input);
    if (on_disk) {
      std::vector<fs::path> files;
      for (const auto& part : options.parts()) {
        const auto found = pool_files(part.path);
        files.insert(files.end(), found.begin(), found.end());
      }
      if (!compare_all(role, files, recorded)) return;
    }
    const auto open = inputs::open_pool(options, cache_);
    if (!on_disk && !compare_all(role, open.files, recorded)) return;
    add(open.digest == pipeline::text_at(input, "digest") ? "ok" : "changed", role + " pictures",
        open.pool->entries().size() == 1 ? open.pool->image_root(0) : open.path);
    if (role == "pool") rows(*open.pool);
  }

  /// Whether the manifest's rows have the ids that it gives them.
  void rows(const Pool& pool) {
    const auto& ids = manifest_.tree.at("ids");
    const auto chosen = manifest_.tree.value(Json::json_pointer("/counts/chosen"), Json());
    bool same =
        chosen == manifest_.rows.size() && std::all_of(manifest_.rows.begin(), manifest_.rows.end(),
                                                       [&](std::int64_t row) { return row >= 0 && row < pool.size(); });
    if (same && !ids.is_null()) same = ids == Json(ids_of(pool, manifest_.rows));
    add(same ? "ok" : "changed", "rows", fmt::format("{} rows with their ids", manifest_.rows.size()));
  }

  const Manifest& manifest_;
  nlohmann::json settings_;
  const ArtifactCache& cache_;
  FileDigests digests_;
  std::vector<Item> items_;
};

Manifest manifest_from(const char* command, const PlainWords& asked) {
  if (asked.names.empty()) refuse_plain(command, fmt::format("`{}` needs a manifest.", command));
  return pipeline::read_manifest(asked.names[0]);
}

/// "12, 40, 41, …"
std::string examples(const std::vector<std::int64_t>& rows) {
  constexpr std::size_t kShown = 10;
  const std::vector<std::int64_t> first(rows.begin(),
                                        rows.begin() + std::min<std::ptrdiff_t>(kShown, std::ssize(rows)));
  return fmt::format("{}{}", fmt::join(first, ", "), rows.size() > kShown ? ", …" : "");
}

std::vector<std::int64_t> only_in(std::vector<std::int64_t> a, std::vector<std::int64_t> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return without(a, b);
}

void warn_of_program(const Manifest& manifest) {
  const auto& program = manifest.tree.at("program");
  const auto version = pipeline::text_at(program, "version"), commit = pipeline::text_at(program, "commit");
  if (version == kBuildInfo.version && commit == kBuildInfo.commit) return;
  log_warning("'{}' was written by scalselect {} ({}), and this is {} ({})", manifest.file.string(), version,
              commit.substr(0, 12), kBuildInfo.version, std::string(kBuildInfo.commit).substr(0, 12));
}

int compare_rows(const std::vector<std::int64_t>& recorded, const std::vector<std::int64_t>& again) {
  if (recorded == again) {
    fmt::print("equal: the same {} rows in the same order\n", again.size());
    return 0;
  }
  const auto gone = only_in(recorded, again), fresh = only_in(again, recorded);
  if (gone.empty() && fresh.empty()) {
    fmt::print("equal: the same {} rows, chosen in another order\n", again.size());
    return 0;
  }
  fmt::print("different: {} rows are in both\n", again.size() - fresh.size());
  if (!gone.empty())
    fmt::print("  {} of the manifest's {} are not chosen again: {}\n", gone.size(), recorded.size(), examples(gone));
  if (!fresh.empty())
    fmt::print("  {} of the {} chosen again are not in the manifest: {}\n", fresh.size(), again.size(),
               examples(fresh));
  return 1;
}

}  // namespace

int verify_manifest(const Words& words) {
  const auto asked = parse_plain("verify", words, 1);
  const auto manifest = manifest_from("verify", asked);
  const ArtifactCache cache(asked.value("cache", "cache"));
  Check check(manifest, settings_of(manifest, asked), cache);
  std::vector<Item> items = {check.subset(asked.value("subset", manifest.subset().string()))};
  for (auto& item : check.inputs()) items.push_back(std::move(item));
  std::size_t bad = 0;
  for (const auto& item : items) {
    fmt::print("{:8} {:16} {}\n", item.state, item.what, item.place);
    bad += item.state == std::string("ok") ? 0 : 1;
  }
  if (bad == 0) return 0;
  fmt::print("{} of {} are not what '{}' recorded\n", bad, items.size(), manifest.file.string());
  return 1;
}

int replay_manifest(const Words& words) {
  const auto asked = parse_plain("replay", words, 1);
  const auto manifest = manifest_from("replay", asked);
  auto settings = settings_of(manifest, asked);
  const auto door = door_of(settings);
  if (door == Door::kModel) enter_model_program("replay", words);
  warn_of_program(manifest);
  const ArtifactCache cache(asked.value("cache", "cache"));
  for (const auto& item : Check(manifest, settings, cache).inputs()) {
    if (item.state != std::string("ok"))
      log_warning("{}: {} '{}'; another selection is to be expected", item.what, item.state, item.place);
  }
  settings["cache"] = cache.root().string();
  for (const char* key : {"threads", "device"}) {
    if (const auto value = asked.value(key); !value.empty())
      settings[key] =
          key == std::string("threads") ? nlohmann::json::parse(value, nullptr, false) : nlohmann::json(value);
  }
  const auto file = manifest.file.string();
  const auto chosen = choose_by({std::move(settings), [file](const std::string&) { return file; }}, door);
  return compare_rows(manifest.rows, chosen.selections.front().rows);
}

}  // namespace scalselect::app
