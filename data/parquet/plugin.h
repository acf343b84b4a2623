// The one interface between the program and its reader of Parquet. Both are built from one tree by one compiler.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/containers/container.h"
#include "data/containers/parquet.h"

namespace scalselect {

/// See data/containers/parquet.h, whose functions these are. May be called from several threads.
class ParquetPlugin {
 public:
  virtual ~ParquetPlugin() = default;
  virtual std::string version() const = 0;  ///< Arrow's
  virtual std::unique_ptr<Container> open(const std::filesystem::path& file) const = 0;
  virtual std::string read_picture(std::int64_t row, int column, std::int64_t index,
                                   const std::filesystem::path& file) const = 0;
  /// Of rows in standard JSON.
  virtual std::vector<std::string> write(const std::filesystem::path& out, const ParquetRowSource& each_row,
                                         const PictureReader& read_picture) const = 0;
};

using ParquetFactory = const ParquetPlugin& (*)();

constexpr char kParquetFactory[] = "scalselect_parquet_plugin";  ///< the name it is exported by

}  // namespace scalselect
