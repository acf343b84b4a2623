// The rows of a Parquet file as JSON objects, by batches of its text columns.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/containers/container.h"
#include "data/parquet/file.h"
#include "data/parquet/presence.h"

namespace scalselect::pq {

class ParquetRows final : public RowCursor {
 public:
  /// Begins at row `first` of the file, which must outlive the cursor.
  ParquetRows(const ParquetFile& file, std::int64_t first);
  bool next(RawRow& row) override;
  std::int64_t skip(std::int64_t rows) override;

 private:
  /// One member of the rows' objects.
  struct Member {
    std::string key;  ///< `"name": `
    int array = -1;   ///< its column of the batch; -1: none
    const PictureColumn* pictures = nullptr;
    std::unique_ptr<Presence> presence;  ///< of the open row group
  };

  void plan();
  void open_group(int group, std::int64_t batch_rows);
  void read_batch();
  void append_member(const Member& member, std::string& out) const;
  void append_pictures(const Member& member, std::string& out) const;
  void append_picture(const Member& member, const arrow::Array* items, std::int64_t item, std::int64_t slot,
                      std::string& out) const;
  std::int64_t batch_rows(int group) const;

  const ParquetFile& file_;
  std::string path_;         ///< as references name it
  std::vector<int> leaves_;  ///< columns that are read here: all but the pictures' bytes
  std::vector<Member> members_;

  std::int64_t row_ = 0;  ///< of the file, the next one
  int group_ = -1;
  std::int64_t batch_size_ = 0;
  std::int64_t at_ = 0;  ///< the next row's place in batch_
  Memory memory_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t batch_end_ = 0;  ///< the row of the file after batch_
};

}  // namespace scalselect::pq
