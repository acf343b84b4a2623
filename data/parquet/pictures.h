// Pictures of Parquet files by row, for many threads. What is open is kept, so that pictures asked for in the order of
// rows, roughly, cost one pass over their column.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace scalselect::pq {

/// The bytes of picture `index` of a row's top-level column. Throws UserError(kInput).
std::string read_picture(std::int64_t row, int column, std::int64_t index, const std::filesystem::path& file);

}  // namespace scalselect::pq
