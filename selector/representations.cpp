#include <fmt/format.h>

#include <iterator>
#include <unordered_set>

#include "core/error.h"
#include "core/log.h"
#include "core/npz.h"
#include "selector/feature_store.h"
#include "selector/rows.h"

namespace scalselect {

void export_representations(const FeatureStore& store, IdKind ids, const std::filesystem::path& file) {
  std::vector<std::string> names;
  if (ids == IdKind::kId) names = store.ids();
  else
    for (const auto row : store.pool_rows()) names.push_back(std::to_string(row));
  const std::unordered_set<std::string_view> distinct(names.begin(), names.end());
  if (distinct.size() < names.size()) {
    log_warning("{}: {} rows share their id with another row; ids=row keeps them apart", file.string(),
                names.size() - distinct.size());
  }
  NpzWriter writer(file);
  writer.add("sample_ids", names);
  const bool half = store.spec().precision == StorePrecision::kFloat16;
  writer.add("representations", store, half ? NpyType::kFloat16 : NpyType::kFloat32);
  writer.finish();
}

void check_columns(const RowSource& shard, const std::filesystem::path& file, const RowSource& first,
                   const std::filesystem::path& first_file) {
  if (shard.cols() == first.cols()) return;
  throw UserError(
      ErrorKind::kInput,
      fmt::format("'{}' has {} columns, '{}' has {}.", file.string(), shard.cols(), first_file.string(), first.cols()),
      "Give the shards of one table.");
}

Representations import_representations(const std::filesystem::path& file) {
  const NpzReader reader(file);
  for (const char* name : {"sample_ids", "representations"}) {
    if (!reader.has(name)) {
      throw UserError(ErrorKind::kInput, fmt::format("'{}' has no array '{}'.", file.string(), name),
                      "Give an all_representations.npz with 'sample_ids' and 'representations'.");
    }
  }
  Representations loaded{reader.rows("representations"), reader.strings("sample_ids")};
  if (loaded.vectors->rows() != static_cast<std::int64_t>(loaded.ids.size())) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("'{}' has {} sample_ids but {} representations.", file.string(), loaded.ids.size(),
                                loaded.vectors->rows()),
                    "Extract the features again.");
  }
  return loaded;
}

Representations import_representations(std::span<const std::filesystem::path> files) {
  if (files.empty()) {
    throw UserError(ErrorKind::kUsage, "The list of feature files is empty.", "Give features= at least one file.");
  }
  auto all = import_representations(files.front());
  if (files.size() == 1) return all;
  std::int64_t rows = 0;
  for (const auto& file : files) {
    const NpzReader reader(file);
    if (reader.has("sample_ids")) rows += reader.describe("sample_ids").count();
  }
  all.ids.reserve(static_cast<std::size_t>(rows));
  std::vector<std::shared_ptr<const RowSource>> shards = {all.vectors};
  for (const auto& file : files.subspan(1)) {
    auto shard = import_representations(file);
    check_columns(*shard.vectors, file, *all.vectors, files.front());
    shards.push_back(std::move(shard.vectors));
    all.ids.insert(all.ids.end(), std::make_move_iterator(shard.ids.begin()), std::make_move_iterator(shard.ids.end()));
  }
  all.vectors = rows_after_rows(std::move(shards));
  return all;
}

}  // namespace scalselect
