// One Parquet file: its footer, checked, and what its columns are to a pool.
#pragma once

#include <arrow/io/file.h>
#include <arrow/memory_pool.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>
#include <parquet/level_conversion.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect::pq {

/// A top-level column that holds pictures: {bytes, path}, bytes, or a list of either.
struct PictureColumn {
  int field = 0;       ///< among the top-level columns
  int bytes_leaf = 0;  ///< the leaf column of the bytes
  int path_leaf = -1;  ///< of the paths; -1: there are none
  bool list = false;
  parquet::internal::LevelInfo bytes, item;  ///< of the bytes, and of one picture (the struct, or the bytes themselves)
};

/// Memory of one reader, at most kMemoryLimit: what a damaged or hostile file declares is not what is taken for it.
class Memory {
 public:
  Memory() : counted_(arrow::default_memory_pool()), capped_(&counted_, kMemoryLimit) {}
  arrow::MemoryPool* pool() { return &capped_; }
  std::int64_t taken() const { return counted_.bytes_allocated(); }

 private:
  static constexpr std::int64_t kMemoryLimit = std::int64_t{2} << 30;
  arrow::ProxyMemoryPool counted_;  ///< the limit is compared with its own count, not with all of Arrow's memory
  arrow::CappedMemoryPool capped_;
};

class ParquetFile {
 public:
  /// Reads the footer. Throws UserError(kInput).
  explicit ParquetFile(const std::filesystem::path& file);

  const std::filesystem::path& file() const { return file_; }
  const parquet::FileMetaData& metadata() const { return *metadata_; }
  int groups() const { return metadata_->num_row_groups(); }
  std::int64_t rows() const { return first_rows_.back(); }
  /// The row at which row group `group` begins; of groups(), the number of rows.
  std::int64_t first_row(int group) const { return first_rows_[static_cast<std::size_t>(group)]; }
  int group_of(std::int64_t row) const;

  const std::vector<PictureColumn>& pictures() const { return pictures_; }
  const PictureColumn* picture(int field) const;  ///< null: no picture column
  /// Names of the top-level columns.
  const std::vector<std::string>& names() const { return names_; }

  /// A reader of its own for each caller; readers share the file and the footer. `memory` must outlive it.
  std::unique_ptr<parquet::ParquetFileReader> reader(Memory& memory) const;
  const std::shared_ptr<arrow::io::ReadableFile>& source() const { return source_; }
  /// Throws ParquetException unless the row group's columns lie in the file, are not encrypted, and have values for
  /// its rows.
  void check_group(int group) const;

 private:
  void open_source();
  void find_pictures();

  std::filesystem::path file_;
  Memory memory_;  ///< of metadata_
  std::shared_ptr<arrow::io::ReadableFile> source_;
  std::int64_t bytes_ = 0;
  std::shared_ptr<parquet::FileMetaData> metadata_;
  std::vector<std::int64_t> first_rows_;
  std::vector<std::string> names_;
  std::vector<PictureColumn> pictures_;
};

/// What a reader of text columns is given: no threads of Arrow's own, nothing read ahead.
parquet::ArrowReaderProperties arrow_properties();
parquet::ReaderProperties reader_properties(arrow::MemoryPool* pool);

/// Throws ParquetException unless `status` is fine.
void require(const arrow::Status& status);
template <typename T>
T require(arrow::Result<T> result) {
  require(result.status());
  return std::move(result).ValueUnsafe();
}

/// Arrow's words as the end of a sentence: their first line, without a full stop.
std::string reason(const std::exception& error);

}  // namespace scalselect::pq
