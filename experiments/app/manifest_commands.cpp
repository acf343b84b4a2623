// verify, replay: whether a selection's files are what its manifest says, and whether choosing again gives its rows.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "baselines/feature_file.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/sorted_rows.h"
#include "data/pool_paths.h"
#include "data/selection.h"
#include "experiments/app/plain_words.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/build_info.h"
#include "experiments/runs/subset_content.h"

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

/// Files that a selection may be made from, by the keys of `select`, which are their roles too.
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
      else compare_all(role, files_today(role, files_of(input)), files_of(input));
    }
    unrecorded();
    return std::move(items_);
  }

  /// The subset, what lies beside it, what it was made from, and whether the manifest's rows agree with all that.
  std::vector<Item> everything(const fs::path& file) {
    const bool same = compare("subset", file, manifest_.tree.at("subset").at("sha256").get<std::string>());
    if (same) subset_pictures(file);
    items_ = inputs();
    rows(same ? std::optional(file) : std::nullopt);
    return std::move(items_);
  }

 private:
  static Json files_of(const Json& input) {
    const auto found = input.find("files");
    return found != input.end() && found->is_array() ? *found : Json::array();
  }

  /// Where the files of `recorded` are today: as the settings name them, else where they were.
  std::vector<fs::path> files_today(const std::string& role, const Json& recorded) const {
    std::vector<std::string> names;
    const auto today = settings_.find(role);
    if (today != settings_.end() && today->is_string()) names.push_back(today->get<std::string>());
    else if (today != settings_.end() && today->is_array()) names = today->get<std::vector<std::string>>();
    if (!names.empty() && role == "features") return feature_files(names);
    if (!names.empty()) return {names.begin(), names.end()};
    std::vector<fs::path> files;
    for (const auto& file : recorded) files.emplace_back(pipeline::text_at(file, "path"));
    return files;
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

  /// What the settings name and no entry records: it cannot be checked.
  void unrecorded() {
    const auto& settings = manifest_.settings();
    std::vector<std::string> roles = {"pool", "target"};
    roles.insert(roles.end(), std::begin(kLists), std::end(kLists));
    if (settings.contains(Json::json_pointer("/model/path"))) roles.emplace_back("model");
    for (const auto& role : roles) {
      const bool named = role == "model" || (settings.contains(role) && !settings.at(role).is_null());
      if (named && manifest_.input(role).is_null())
        add("missing", role, "the manifest has settings for it, and no digest");
    }
  }

  /// The pictures that were taken out of the pool's containers.
  void subset_pictures(const fs::path& file) {
    const auto recorded = manifest_.tree.at("subset").value("pictures", Json());
    if (!recorded.is_object()) return;
    const auto folder = pipeline::text_at(recorded, "folder");
    const auto pictures = pipeline::pictures_in(file, folder);
    const auto known = recorded.value("missing", Json());
    const auto gone = pictures.missing() - (known.is_number_integer() ? known.get<std::int64_t>() : 0);
    const bool same = pictures.digest() == pipeline::text_at(recorded, "digest");
    const auto place = (file.parent_path() / folder).string();
    add(same       ? "ok"
        : gone > 0 ? "missing"
                   : "changed",
        "subset pictures",
        gone > 0 && !same ? fmt::format("{} ({} of {} pictures)", place, gone, pictures.names.size()) : place);
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
    pictures(role, open, pipeline::text_at(input, "digest"));
    if (role == "pool") pool_ = open.pool;
  }

  void pictures(const std::string& role, const inputs::OpenPool& open, const std::string& recorded) {
    const bool one = open.pool->entries().size() == 1;
    auto place = one ? open.pool->image_root(0) : open.path;
    if (place.empty()) place = ".";
    std::error_code unknown;
    const char* otherwise = one && !fs::exists(place, unknown) ? "missing" : "changed";
    add(open.digest == recorded ? "ok" : otherwise, role + " pictures", place);
  }

  /// Whether the manifest's rows have the ids that it gives them, and are those of the pool and of the subset, as far
  /// as these are what they were.
  void rows(const std::optional<fs::path>& subset) {
    auto why = rows_against_pool();
    if (why.empty() && subset) why = pipeline::contradiction(manifest_, *subset, pool_.get());
    const auto what =
        fmt::format("{} rows{}", manifest_.rows.size(), manifest_.tree.at("ids").is_null() ? "" : " with their ids");
    add(why.empty() ? "ok" : "changed", "rows", why.empty() ? what : what + ": " + why);
  }

  std::string rows_against_pool() const {
    const auto& rows = manifest_.rows;
    const auto& ids = manifest_.tree.at("ids");
    if (manifest_.tree.value(Json::json_pointer("/counts/chosen"), Json()) != rows.size())
      return "another number was chosen";
    if (!pool_) return {};
    const bool inside =
        std::all_of(rows.begin(), rows.end(), [&](std::int64_t row) { return row >= 0 && row < pool_->size(); });
    if (!inside) return "the pool has fewer";
    return ids.is_null() || ids == Json(ids_of(*pool_, rows)) ? "" : "the pool gives them other ids";
  }

  const Manifest& manifest_;
  nlohmann::json settings_;
  const ArtifactCache& cache_;
  FileDigests digests_;
  std::vector<Item> items_;
  std::shared_ptr<const Pool> pool_;  ///< null: not there, or changed
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
  const auto items = check.everything(asked.value("subset", manifest.subset().string()));
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
  settings.update(values_of(asked, {"threads", "device"}));
  const auto file = manifest.file.string();
  const auto chosen = choose_by({std::move(settings), [file](const std::string&) { return file; }}, door);
  return compare_rows(manifest.rows, chosen.selections.front().rows);
}

}  // namespace scalselect::app
