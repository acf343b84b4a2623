#include "experiments/runs/manifest.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "data/python_json.h"
#include "data/reason_kind.h"
#include "data/row_list.h"
#include "data/selection.h"
#include "experiments/runs/subset_content.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json file_entry(const fs::path& file, const std::string& digest) {
  return {{"path", file.string()}, {"bytes", fs::file_size(file)}, {"sha256", digest}};
}

/// A subset's files, by name.
std::vector<fs::path> shards_of(const fs::path& subset) {
  if (!fs::is_directory(subset)) return {subset};
  std::vector<fs::path> shards;
  for (const auto& entry : fs::directory_iterator(subset)) shards.push_back(entry.path());
  std::sort(shards.begin(), shards.end());
  return shards;
}

std::uintmax_t bytes_of(const fs::path& subset) {
  std::uintmax_t bytes = 0;
  for (const auto& shard : shards_of(subset)) bytes += fs::file_size(shard);
  return bytes;
}

void count(Json& counts, const std::string& reason) {
  auto& number = counts[reason_kind(reason)];
  number = number.is_null() ? 1 : number.get<std::int64_t>() + 1;
}

/// Entries ordered by name: the order in which reasons are met must not matter.
Json sorted(const Json& counts) { return Json(nlohmann::json(counts)); }

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

std::string line_of(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// The tree over several lines, its long lists on one line each.
std::string manifest_text(const Json& tree, const Json& rows, const Json& ids) {
  std::string text = tree.dump(1, ' ', false, Json::error_handler_t::replace);
  text.erase(text.size() - 2);  // "\n}"
  return text + ",\n \"rows\": " + line_of(rows) + ",\n \"ids\": " + line_of(ids) + "\n}\n";
}

[[noreturn]] void refuse(const fs::path& file, const std::string& what, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, fmt::format("'{}' {}.", file.string(), what), remedy);
}

bool holds_rows(const Json& tree) {
  const auto rows = tree.find("rows"), ids = tree.find("ids");
  if (rows == tree.end() || !rows->is_array() || ids == tree.end()) return false;
  return std::all_of(rows->begin(), rows->end(), [](const Json& row) { return row.is_number_integer(); }) &&
         (ids->is_null() || (ids->is_array() && ids->size() == rows->size()));
}

/// Groups are mappings, inputs are, too.
bool holds_settings(const Json& tree) {
  const auto settings = tree.find("settings"), inputs = tree.find("inputs");
  if (settings == tree.end() || !settings->is_object() || inputs == tree.end() || !inputs->is_array()) return false;
  const auto is_mapping = [](const Json& value) { return value.is_object(); };
  for (const char* group : {"pool", "model", "target", "method"}) {
    if (settings->contains(group) && !is_mapping(settings->at(group))) return false;
  }
  const Json::json_pointer name("/method/name");
  if (settings->contains(name) && !settings->at(name).is_string()) return false;
  const auto counts = tree.find("counts");
  if (counts != tree.end() && !counts->is_object()) return false;
  return std::all_of(inputs->begin(), inputs->end(), is_mapping);
}

bool has(const Json& tree, const char* path, Json::value_t type) {
  const Json::json_pointer at(path);
  return tree.contains(at) && tree.at(at).type() == type;
}

}  // namespace

Json pool_settings(const inputs::PoolOptions& options) {
  auto settings = dump_options(options);
  if (options.kind == inputs::PoolOptions::Kind::kFile) settings.erase("world");
  else
    for (const char* key : {"path", "image_root"}) settings.erase(key);
  return settings;
}

void add_pool(SelectionRecord& record, const std::string& role, const inputs::OpenPool& open,
              const FileDigests& digests) {
  auto files = Json::array();
  for (const auto& file : open.files) files.push_back(file_entry(file, digests.sha256(file)));
  record.inputs.push_back({{"role", role}, {"rows", open.pool->size()}, {"digest", open.digest}, {"files", files}});
  if (role != "pool") return;
  std::int64_t usable = open.pool->size();
  auto rejected = Json::object();
  for (std::int64_t row = 0; row < open.pool->size(); ++row) {
    if (open.pool->usable(row)) continue;
    --usable;
    count(rejected, open.pool->reject_reason(row));
  }
  record.counts["rows"] = open.pool->size();
  record.counts["usable"] = usable;
  record.counts["rejected"] = sorted(rejected);
}

void add_file(SelectionRecord& record, const std::string& role, const fs::path& file, const FileDigests& digests) {
  add_files(record, role, std::span(&file, 1), digests);
}

void add_files(SelectionRecord& record, const std::string& role, std::span<const fs::path> files,
               const FileDigests& digests) {
  auto entries = Json::array();
  for (const auto& file : files) entries.push_back(file_entry(file, digests.sha256(file)));
  record.inputs.push_back({{"role", role}, {"files", std::move(entries)}});
}

void add_folder(SelectionRecord& record, const std::string& role, const fs::path& folder, const std::string& digest) {
  record.inputs.push_back({{"role", role}, {"path", folder.string()}, {"digest", digest}});
}

void count_without_features(SelectionRecord& record, const std::vector<fs::path>& stores, const Pool& pool) {
  auto counts = Json::object();
  std::set<std::int64_t> counted;
  for (const auto& store : stores) {
    std::istringstream lines(read_file(store / "rejects.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const auto entry = nlohmann::json::parse(line, nullptr, false);
      if (!entry.is_object()) continue;
      const auto row = entry.value("row", std::int64_t{0});
      if (!pool.usable(row) || !counted.insert(row).second) continue;
      count(counts, entry.value("reason", std::string("unknown")));
    }
  }
  record.counts["without_features"] = sorted(counts);
}

void add_constraints(SelectionRecord& record, const ConstraintOptions& options, const Constraints& rows,
                     const FileDigests& digests) {
  const auto tree = dump_options(options), usual = dump_options(ConstraintOptions());
  for (const auto& [key, value] : tree.items()) {
    if (key == "text_only" || value != usual[key]) record.settings[key] = value;
  }
  if (options.exclude) add_file(record, "exclude", *options.exclude, digests);
  if (options.must_keep) add_file(record, "must_keep", *options.must_keep, digests);
  if (options.exclude) record.counts["excluded"] = rows.excluded.size();
  if (options.must_keep) record.counts["must_keep"] = rows.must_keep.size();
}

std::string subset_digest(const fs::path& subset) {
  if (!fs::is_directory(subset)) return sha256_file(subset);
  Sha256 hash;
  for (const auto& shard : shards_of(subset))
    hash.update(shard.filename().string()).update("\n").update(sha256_file(shard)).update("\n");
  return hash.finish();
}

fs::path manifest_of(const fs::path& subset) {
  const auto name = subset.extension() == ".json" ? subset.stem() : subset.filename();
  return subset.parent_path() / (name.string() + ".manifest.json");
}

void write_manifest(const SelectionRecord& record, const std::vector<std::int64_t>& rows, const Pool* pool,
                    const fs::path& subset, const ManifestOrigin& origin) {
  Json ids;
  if (pool != nullptr) {
    ids = ids_of(*pool, rows);
  }
  auto counts = record.counts;
  counts["chosen"] = rows.size();
  Json written = {{"file", subset.filename().string()}, {"bytes", bytes_of(subset)}, {"sha256", subset_digest(subset)}};
  if (auto pictures = pictures_entry(subset); !pictures.is_null()) written["pictures"] = std::move(pictures);
  const Json tree = {{"format", kManifestFormat},   {"created", utc_now()},
                     {"program", origin.program},   {"command", origin.command},
                     {"settings", record.settings}, {"inputs", record.inputs},
                     {"subset", written},           {"counts", counts},
                     {"warnings", record.warnings}};
  write_file_atomically(manifest_of(subset), manifest_text(tree, rows, ids));
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json Manifest::input(const std::string& role) const {
  for (const auto& entry : tree.at("inputs")) {
    if (text_at(entry, "role") == role) return entry;
  }
  return {};
}

fs::path Manifest::subset() const { return file.parent_path() / tree.at("subset").at("file").get<std::string>(); }

Manifest read_manifest(const fs::path& file) {
  Manifest manifest{file, parse_python_json<Json>(read_json_text(file, kDataBytes)), {}};
  const auto& tree = manifest.tree;
  if (tree.is_discarded()) refuse(file, "is not JSON, or was cut short", "Copy it again.");
  if (!has(tree, "/format", Json::value_t::string))
    refuse(file, "is not the manifest of a selection", "`select` writes one beside each subset: NAME.manifest.json.");
  if (tree["format"] != kManifestFormat) {
    refuse(file,
           fmt::format("has the format '{}', and this program reads '{}'", tree["format"].get<std::string>(),
                       kManifestFormat),
           "Use the version of scalselect that wrote it.");
  }
  const bool good = holds_settings(tree) && has(tree, "/subset/file", Json::value_t::string) &&
                    has(tree, "/subset/sha256", Json::value_t::string) &&
                    has(tree, "/program/version", Json::value_t::string) && holds_rows(tree);
  if (!good)
    refuse(file, "is damaged: a manifest has settings, inputs, subset, program, rows and as many ids",
           "Copy it again.");
  manifest.rows = tree["rows"].get<std::vector<std::int64_t>>();
  return manifest;
}

}  // namespace scalselect::pipeline
