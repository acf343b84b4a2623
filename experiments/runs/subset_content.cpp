#include "experiments/runs/subset_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "core/utf8.h"
#include "data/containers/json_file.h"
#include "data/row_list.h"
#include "data/subset.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// The subset's samples; null for a list of ids or rows.
std::unique_ptr<const Pool> samples_of(const fs::path& subset) {
  try {
    return std::make_unique<Pool>(subset);
  } catch (const UserError& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    return nullptr;
  }
}

/// The pictures that rows of a JSON file name, as they name them; none of another file.
std::vector<std::string> named_pictures(const fs::path& file) {
  std::vector<std::string> names;
  const auto take = [&](const Json& value) {
    if (value.is_string()) names.push_back(value.get<std::string>());
  };
  try {
    const JsonFile rows(file);
    const auto cursor = rows.rows(0);
    for (RawRow raw; cursor->next(raw);) {
      const auto row = Json::parse(raw.json, nullptr, false);
      for (const char* key : {"image", "images"}) {
        const auto value = row.is_object() ? row.value(key, Json()) : Json();
        take(value);
        if (value.is_array()) std::for_each(value.begin(), value.end(), take);
      }
    }
  } catch (const UserError& error) {
    if (error.kind() != ErrorKind::kInput) throw;
  }
  return names;
}

std::string content_of(const std::string& file) {
  std::error_code unknown;
  return fs::is_regular_file(file, unknown) ? sha256_file(file) : "missing";
}

/// What a row says, whatever container it is in.
struct Said {
  std::string id;
  std::size_t turns = 0;
};

std::vector<Said> said_by(const Pool& pool, const std::vector<std::int64_t>& rows) {
  std::vector<Said> all;
  pool.for_each_of(rows, [&](const Sample& sample) {
    std::string text;
    for (const auto& turn : sample.turns) {
      text += static_cast<char>('0' + static_cast<int>(turn.role));
      (text += repair_utf8(turn.text)) += '\0';
    }
    all.push_back({sample.id, std::hash<std::string>()(text)});
  });
  return all;
}

std::vector<std::int64_t> all_rows(const Pool& pool) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(pool.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  return rows;
}

/// The manifest's rows in the pool's order, which is the subset's, with the ids that it gives them.
struct Recorded {
  std::vector<std::int64_t> rows;
  std::vector<std::string> ids;  ///< empty where it gives none
};

Recorded recorded_by(const Manifest& manifest) {
  std::vector<std::size_t> order(manifest.rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return manifest.rows[a] < manifest.rows[b]; });
  const auto& ids = manifest.tree.at("ids");
  Recorded recorded;
  for (const auto i : order) {
    recorded.rows.push_back(manifest.rows[i]);
    recorded.ids.push_back(ids.is_array() && ids[i].is_string() ? ids[i].get<std::string>() : std::string());
  }
  return recorded;
}

bool holds_all(const Pool& pool, const std::vector<std::int64_t>& rows) {
  return std::all_of(rows.begin(), rows.end(), [&](std::int64_t row) { return row >= 0 && row < pool.size(); });
}

/// Shards may be read in another order than they were written: only which conversations there are is compared.
std::string contradiction_of_shards(const Recorded& recorded, const std::vector<Said>& subset, const Pool* pool) {
  if (pool == nullptr || !holds_all(*pool, recorded.rows)) return {};
  const auto turns = [](const std::vector<Said>& rows) {
    std::vector<std::size_t> all;
    for (const auto& row : rows) all.push_back(row.turns);
    std::sort(all.begin(), all.end());
    return all;
  };
  return turns(subset) == turns(said_by(*pool, recorded.rows)) ? "" : "the subset holds others of the pool";
}

std::string contradiction_of_samples(const Recorded& recorded, const std::vector<Said>& subset, const Pool* pool) {
  std::vector<Said> theirs;
  if (pool != nullptr && holds_all(*pool, recorded.rows)) theirs = said_by(*pool, recorded.rows);
  for (std::size_t i = 0; i < subset.size(); ++i) {
    const auto &id = recorded.ids[i], &found = subset[i].id;
    if (!id.empty() && !found.empty() && id != found)
      return fmt::format("row {} of the subset is '{}', and by the manifest '{}'", i, found, id);
    if (!theirs.empty() && subset[i].turns != theirs[i].turns)
      return fmt::format("row {} of the subset is not row {} of the pool", i, recorded.rows[i]);
  }
  return {};
}

std::string contradiction_of_list(const Recorded& recorded, const fs::path& subset, const Pool* pool) {
  const auto most = recorded.rows.empty() ? 0 : recorded.rows.back() + 1;
  std::vector<std::int64_t> listed;
  try {
    listed = read_row_list(subset, pool, pool != nullptr ? pool->size() : most, {.may_be_empty = true}).rows;
  } catch (const UserError&) {
    return {};  // ids without their pool, or that several rows share: the file does not tell
  }
  std::sort(listed.begin(), listed.end());
  return listed == recorded.rows ? "" : "the subset names others";
}

}  // namespace

std::int64_t SubsetPictures::missing() const { return std::count(contents.begin(), contents.end(), "missing"); }

std::string SubsetPictures::digest() const {
  Sha256 hash;
  for (const auto& content : contents) hash.update(content).update("\n");
  return hash.finish();
}

SubsetPictures pictures_in(const fs::path& subset, const std::string& folder) {
  SubsetPictures pictures;
  std::set<std::string> seen;
  for (auto& name : named_pictures(subset)) {
    if (fs::path(name).parent_path() == folder && seen.insert(name).second)
      pictures.names.push_back((subset.parent_path() / name).string());
  }
  pictures.contents.resize(pictures.names.size());
  parallel_blocks(std::ssize(pictures.names), 16, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      pictures.contents[i] = content_of(pictures.names[i]);
  });
  return pictures;
}

Json pictures_entry(const fs::path& subset) {
  const auto folder = pictures_beside(subset);
  std::error_code unknown;
  if (!fs::is_regular_file(subset, unknown) || !fs::is_directory(folder, unknown)) return {};
  const auto pictures = pictures_in(subset, folder.filename().string());
  if (pictures.names.empty()) return {};
  return {{"folder", folder.filename().string()},
          {"files", pictures.names.size()},
          {"missing", pictures.missing()},
          {"digest", pictures.digest()}};
}

std::string contradiction(const Manifest& manifest, const fs::path& subset, const Pool* pool) {
  const auto recorded = recorded_by(manifest);
  const auto twice = std::adjacent_find(recorded.rows.begin(), recorded.rows.end());
  if (twice != recorded.rows.end()) return fmt::format("the manifest names row {} twice", *twice);
  const auto samples = samples_of(subset);
  if (!samples) return contradiction_of_list(recorded, subset, pool);
  if (samples->size() != std::ssize(recorded.rows))
    return fmt::format("the subset holds {} rows, and the manifest names {}", samples->size(), recorded.rows.size());
  const auto said = said_by(*samples, all_rows(*samples));
  std::error_code unknown;
  if (fs::is_directory(subset, unknown)) return contradiction_of_shards(recorded, said, pool);
  return contradiction_of_samples(recorded, said, pool);
}

}  // namespace scalselect::pipeline
