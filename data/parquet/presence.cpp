#include "data/parquet/presence.h"

#include <parquet/statistics.h>

#include <optional>
#include <utility>

namespace scalselect::pq {
namespace {

/// Bytes that are not null in the chunk, if its statistics tell.
std::optional<std::int64_t> count_values(const parquet::ColumnChunkMetaData& chunk) {
  const auto statistics = chunk.is_stats_set() ? chunk.statistics() : nullptr;
  if (!statistics || !statistics->HasNullCount()) return std::nullopt;
  return chunk.num_values() - statistics->null_count();
}

/// Structs {bytes, path} in the chunk that are not null, counted by the levels of their short member.
std::int64_t count_structs(const ParquetFile& file, const PictureColumn& column, int group) {
  PictureColumn paths = column;  // the walk sees an item's struct as soon as its member is defined or null
  paths.bytes_leaf = column.path_leaf;
  paths.bytes.def_level = column.item.def_level;
  std::int64_t structs = 0;
  const auto rows = file.first_row(group + 1) - file.first_row(group);
  if (rows == 0) return 0;
  ColumnWalk walk(file, paths, group);
  walk.read_to(rows - 1, 0, [&](std::int64_t, std::int64_t, auto bytes) { structs += bytes.has_value(); });
  return structs;
}

}  // namespace

Presence::Presence(const ParquetFile& file, const PictureColumn& column, int group) {
  const auto chunk = file.metadata().RowGroup(group)->ColumnChunk(column.bytes_leaf);
  const auto values = count_values(*chunk);
  const bool countable = !column.list || column.path_leaf >= 0;  // someone else knows how many items a row has
  if (countable && values) {
    if (*values == 0) return;
    all_ = *values == chunk->num_values() || (column.path_leaf >= 0 && *values == count_structs(file, column, group));
    if (all_) return;
  }
  walk_ = std::make_unique<ColumnWalk>(file, column, group);
}

void Presence::move_to(std::int64_t row) {
  if (!walk_) return;
  items_.clear();
  walk_->read_to(row, row, [&](std::int64_t, std::int64_t, auto bytes) { items_.push_back(bytes.has_value()); });
}

bool Presence::has_bytes(std::int64_t item) const {
  if (!walk_) return all_;
  return item < count() && items_[static_cast<std::size_t>(item)] != 0;
}

}  // namespace scalselect::pq
