#include <fmt/format.h>

#include <unordered_set>

#include "core/error.h"
#include "core/log.h"
#include "core/npz.h"
#include "selector/feature_store.h"

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
  NpzWriter writer(file, true);
  writer.add("sample_ids", names);
  writer.add("representations", store);
  writer.finish();
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

}  // namespace scalselect
