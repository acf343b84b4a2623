// Which pictures of a row group have bytes, found without reading the bytes wherever the footer tells.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/parquet/column_walk.h"
#include "data/parquet/file.h"

namespace scalselect::pq {

class Presence {
 public:
  Presence(const ParquetFile& file, const PictureColumn& column, int group);

  /// Reads on to a row of the group, counted from its start; rows may be left out but not come twice.
  void move_to(std::int64_t row);
  bool has_bytes(std::int64_t item) const;
  /// Pictures of the row; known only where has_count().
  std::int64_t count() const { return static_cast<std::int64_t>(items_.size()); }
  bool has_count() const { return walk_ != nullptr; }

 private:
  bool all_ = false;                  ///< for all of them, if there is no walk_
  std::unique_ptr<ColumnWalk> walk_;  ///< where one has to look
  std::vector<char> items_;           ///< of the current row
};

}  // namespace scalselect::pq
