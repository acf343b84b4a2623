// Some rows of a Parquet file as another one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "data/parquet/file.h"

namespace scalselect::pq {

/// Copies rows (ascending) with the levels and values that Parquet stores, column by column, so that schema, metadata,
/// types and bytes are the source's; memory holds about a page at a time. Compression, encodings, statistics, page
/// index and the size of row groups are chosen as in the source. Throws UserError.
void write_subset(const ParquetFile& file, std::span<const std::int64_t> rows, const std::filesystem::path& out);

}  // namespace scalselect::pq
