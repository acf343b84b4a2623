// Rows of any container as a Parquet file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/containers/parquet.h"

namespace scalselect::pq {

/// See write_parquet in data/containers/parquet.h; rows are standard JSON here.
std::vector<std::string> write_rows(const std::filesystem::path& out, const ParquetRowSource& each_row,
                                    const PictureReader& read_picture);

}  // namespace scalselect::pq
