#include "experiments/inputs/constraints.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/file_digests.h"
#include "core/sorted_rows.h"
#include "data/picture_digest.h"
#include "data/pool_source.h"
#include "data/row_list.h"

namespace scalselect::inputs {
namespace fs = std::filesystem;
namespace {

using Rows = std::vector<std::int64_t>;

Rows listed(const Pool& pool, const std::optional<std::string>& file) {
  if (!file) return {};
  auto rows = read_row_list(*file, &pool, pool.size(), {.may_be_empty = true}).rows;
  std::sort(rows.begin(), rows.end());
  return rows;
}

void require_usable(const Rows& must_keep, const RowSet& rows, const Pool& pool) {
  for (const auto row : must_keep) {
    const bool excluded = std::binary_search(rows.constraints.excluded.begin(), rows.constraints.excluded.end(), row);
    if (!excluded && std::binary_search(rows.usable.begin(), rows.usable.end(), row)) continue;
    throw UserError(
        ErrorKind::kUsage,
        excluded ? fmt::format("Row {} is in both exclude and must_keep.", row)
                 : fmt::format("must_keep names row {}, which cannot be used: {}.", row, pool.reject_reason(row)),
        "Take the row off the list.");
  }
}

/// The usable rows of each source.
std::map<std::string, Rows> rows_by_source(const Pool& pool, const Rows& usable) {
  std::map<std::string, Rows> sources;
  pool.for_each_of(
      usable, [&](Sample& sample) { sources[source_of(sample, pool.image_root(sample.row))].push_back(sample.row); });
  return sources;
}

std::vector<Constraints::Limit> limits_of(const Pool& pool, const std::vector<SourceLimit>& limits,
                                          const Rows& usable) {
  if (limits.empty()) return {};
  const auto sources = rows_by_source(pool, usable);
  std::vector<std::string> names;
  for (const auto& [name, rows] : sources) names.push_back(name);
  std::vector<Constraints::Limit> found;
  for (const auto& limit : limits) {
    if (std::any_of(found.begin(), found.end(), [&](const auto& other) { return other.limit.source == limit.source; }))
      throw UserError(ErrorKind::kUsage, fmt::format("sources names '{}' twice.", limit.source), "Give it once.");
    if (limit.source.empty())
      throw UserError(ErrorKind::kUsage, "An entry of sources names no source.", "Write {source: NAME, cap: 0.3}.");
    Constraints::Limit entry{limit, {}};
    for (const auto& [name, rows] : sources) {
      if (is_of_source(name, limit.source)) entry.rows.insert(entry.rows.end(), rows.begin(), rows.end());
    }
    std::sort(entry.rows.begin(), entry.rows.end());
    if (entry.rows.empty()) {
      constexpr std::size_t kShown = 20;
      const std::size_t shown = std::min(names.size(), kShown);
      throw UserError(ErrorKind::kUsage,
                      fmt::format("No usable row of '{}' is of the source '{}'.{}", pool.file().string(), limit.source,
                                  did_you_mean(limit.source, names)),
                      fmt::format("Its sources: {}{}.", fmt::join(names.begin(), names.begin() + shown, ", "),
                                  names.size() > shown ? ", ..." : ""));
    }
    found.push_back(std::move(entry));
  }
  return found;
}

/// Pictures by number, equal contents by the same one; files that cannot be read are told apart by their names.
std::vector<std::vector<std::int32_t>> pictures_of(const Pool& pool, const Rows& usable, const FileDigests& digests) {
  std::map<std::string, std::int32_t> by_name, by_content;
  std::vector<std::string> names;
  std::vector<std::vector<std::int32_t>> pictures(static_cast<std::size_t>(pool.size()));
  pool.for_each_of(usable, [&](Sample& sample) {
    for (const auto& name : sample.images) {
      const auto [entry, fresh] = by_name.emplace(name, static_cast<std::int32_t>(names.size()));
      if (fresh) names.push_back(name);
      pictures[static_cast<std::size_t>(sample.row)].push_back(entry->second);
    }
  });
  const auto contents = picture_contents(names, digests);
  std::vector<std::int32_t> number(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool read = contents[i] != "missing" && contents[i] != "unreadable";
    const auto fresh = static_cast<std::int32_t>(by_content.size());
    number[i] = by_content.emplace(read ? contents[i] : names[i], fresh).first->second;
  }
  for (auto& row : pictures) {
    for (auto& picture : row) picture = number[static_cast<std::size_t>(picture)];
  }
  return pictures;
}

}  // namespace

RowSet row_set(const OpenPool& open, const ConstraintOptions& options, const ArtifactCache& cache) {
  const Pool& pool = *open.pool;
  auto rows = rows_of_pool(pool);
  auto& constraints = rows.constraints;
  constraints.text_only = options.text_only;
  constraints.excluded = listed(pool, options.exclude);
  constraints.must_keep = listed(pool, options.must_keep);
  require_usable(constraints.must_keep, rows, pool);
  rows.usable = without(rows.usable, constraints.excluded);
  rows.text_only = without(rows.text_only, constraints.excluded);
  if (rows.usable.empty()) {
    throw UserError(ErrorKind::kUsage, fmt::format("exclude names every usable row of '{}'.", pool.file().string()),
                    "Give a shorter list.");
  }
  constraints.sources = limits_of(pool, options.sources, rows.usable);
  if (options.one_per_picture)
    constraints.pictures = pictures_of(pool, rows.usable, FileDigests(cache.root() / "digests"));
  return rows;
}

}  // namespace scalselect::inputs
