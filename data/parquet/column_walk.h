// The values of one column of bytes in one row group, row by row and only forward, with one page in memory. Pages that
// end before the row that is asked for are passed over unread where the file tells how many rows they hold.
#pragma once

#include <parquet/column_reader.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "data/parquet/file.h"

namespace scalselect::pq {

class ColumnStream;

class ColumnWalk {
 public:
  /// The bytes of `column` in a row group. `file` must outlive it.
  ColumnWalk(const ParquetFile& file, const PictureColumn& column, int group);
  ~ColumnWalk();

  /// The row, counted from the start of the row group, that comes next.
  std::int64_t row() const { return row_; }
  std::int64_t memory() const { return memory_.taken(); }  ///< bytes

  /// Reads on to `row`, which must not lie behind. Calls `visit(row, item, bytes)` for each item (picture) of rows from
  /// `keep_from` to `row`; bytes is empty where the item has none, and valid during the call only. Throws
  /// ParquetException.
  using Visit = std::function<void(std::int64_t row, std::int64_t item, std::optional<std::string_view> bytes)>;
  void read_to(std::int64_t row, std::int64_t keep_from, const Visit& visit);

 private:
  bool next_level();
  bool pass_over(const parquet::DataPageStats& page);
  void find_page_rows(int group);

  Memory memory_;
  const PictureColumn& column_;
  std::shared_ptr<ColumnStream> stream_;
  std::shared_ptr<parquet::ByteArrayReader> reader_;
  std::vector<std::int64_t> page_rows_;  ///< rows of each data page, if the file has an index of pages
  std::size_t page_ = 0;
  std::int64_t page_end_ = 0;  ///< the row at which the next page begins, where that is known
  std::int64_t passed_ = 0;    ///< rows of pages passed over, not yet in row_
  std::int64_t row_ = 0, wanted_ = 0;
  bool pending_ = false;  ///< the members below are the first level of row_
  std::int16_t definition_ = 0, repetition_ = 0;
  parquet::ByteArray value_;
};

}  // namespace scalselect::pq
