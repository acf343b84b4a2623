#include "data/parquet/column_walk.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <fmt/format.h>
#include <parquet/exception.h>
#include <parquet/page_index.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace scalselect::pq {

/// The bytes of one column chunk. Unlike Arrow's own streams it can leave bytes out without reading them.
class ColumnStream final : public arrow::io::InputStream {
 public:
  ColumnStream(std::shared_ptr<arrow::io::ReadableFile> file, std::int64_t begin, std::int64_t size,
               arrow::MemoryPool* pool)
      : file_(std::move(file)), pool_(pool), begin_(begin), at_(begin), end_(begin + size) {}

  /// The next Read only moves on.
  void leave_out_next() { leave_out_ = true; }

  arrow::Status Close() override { return arrow::Status::OK(); }
  bool closed() const override { return false; }
  arrow::Result<std::int64_t> Tell() const override { return at_ - begin_; }

  arrow::Result<std::int64_t> Read(std::int64_t size, void* out) override {
    size = std::min(size, end_ - at_);
    const auto known = std::clamp<std::int64_t>(buffered_ - at_, 0, size);
    if (known > 0) std::memcpy(out, buffer_.data() + (at_ - buffer_begin_), static_cast<std::size_t>(known));
    std::int64_t read = 0;
    if (size > known) {
      ARROW_ASSIGN_OR_RAISE(read, file_->ReadAt(at_ + known, size - known, static_cast<std::uint8_t*>(out) + known));
    }
    at_ += known + read;
    return known + read;
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(std::int64_t size) override {
    if (std::exchange(leave_out_, false)) {
      at_ += std::min(size, end_ - at_);
      return std::make_shared<arrow::Buffer>(nullptr, 0);
    }
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(std::min(size, end_ - at_), pool_));
    ARROW_ASSIGN_OR_RAISE(const auto read, Read(buffer->size(), buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(read, false));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

  /// Parquet's readers look at the header of a page this way.
  arrow::Result<std::string_view> Peek(std::int64_t size) override {
    size = std::min(size, end_ - at_);
    if (at_ < buffer_begin_ || at_ + size > buffered_) {
      buffer_.resize(static_cast<std::size_t>(size));
      ARROW_ASSIGN_OR_RAISE(const auto read, file_->ReadAt(at_, size, buffer_.data()));
      buffer_begin_ = at_;
      buffered_ = at_ + read;
      size = read;
    }
    return std::string_view(buffer_).substr(static_cast<std::size_t>(at_ - buffer_begin_),
                                            static_cast<std::size_t>(size));
  }

 private:
  std::shared_ptr<arrow::io::ReadableFile> file_;
  arrow::MemoryPool* pool_;
  std::int64_t begin_, at_, end_;
  std::string buffer_;                            ///< what Peek has read
  std::int64_t buffer_begin_ = 0, buffered_ = 0;  ///< its place in the file
  bool leave_out_ = false;
};

ColumnWalk::ColumnWalk(const ParquetFile& file, const PictureColumn& column, int group) : column_(column) {
  file.check_group(group);
  const auto chunk = file.metadata().RowGroup(group)->ColumnChunk(column.bytes_leaf);
  auto begin = chunk->data_page_offset();
  if (chunk->has_dictionary_page() && chunk->dictionary_page_offset() > 0) {
    begin = std::min(begin, chunk->dictionary_page_offset());
  }
  const auto* descriptor = file.metadata().schema()->Column(column.bytes_leaf);
  stream_ = std::make_shared<ColumnStream>(file.source(), begin, chunk->total_compressed_size(), memory_.pool());
  auto pages = parquet::PageReader::Open(stream_, chunk->num_values(), chunk->compression(),
                                         reader_properties(memory_.pool()), *descriptor);
  if (column.list && chunk->GetOffsetIndexLocation()) {
    const auto reader = file.reader(memory_);
    const auto index = reader->GetPageIndexReader();
    const auto of_group = index ? index->RowGroup(group) : nullptr;
    const auto offsets = of_group ? of_group->GetOffsetIndex(column.bytes_leaf) : nullptr;
    const auto rows = file.first_row(group + 1) - file.first_row(group);
    for (std::size_t page = 0; offsets && page < offsets->page_locations().size(); ++page) {
      const auto& all = offsets->page_locations();
      const auto end = page + 1 < all.size() ? all[page + 1].first_row_index : rows;
      page_rows_.push_back(end - all[page].first_row_index);
    }
    if (std::any_of(page_rows_.begin(), page_rows_.end(), [](auto n) { return n <= 0; })) page_rows_.clear();
  }
  pages->set_data_page_filter([this](const parquet::DataPageStats& page) { return pass_over(page); });
  reader_ = std::static_pointer_cast<parquet::ByteArrayReader>(
      parquet::ColumnReader::Make(descriptor, std::move(pages), memory_.pool()));
}

ColumnWalk::~ColumnWalk() = default;

/// Asked once for every data page, in order, before its values are read.
bool ColumnWalk::pass_over(const parquet::DataPageStats& page) {
  std::int64_t rows = -1;
  if (!column_.list) {
    rows = page.num_values;
  } else if (page_ < page_rows_.size()) {
    rows = page_rows_[page_];
  } else if (page_rows_.empty() && page.num_rows) {
    rows = *page.num_rows;
  }
  ++page_;
  if (rows < 0 || page_end_ < 0) {
    page_end_ = -1;  // how many rows this page holds is seen only by reading it, and so for all after it
    return false;
  }
  page_end_ += rows;
  if (page_end_ > wanted_) return false;
  passed_ += rows;
  stream_->leave_out_next();
  return true;
}

/// Makes the next level current; false after the last.
bool ColumnWalk::next_level() {
  if (!reader_->HasNext()) return false;
  std::int64_t values = 0;
  definition_ = column_.bytes.def_level;
  repetition_ = 0;
  if (reader_->ReadBatch(1, &definition_, &repetition_, &value_, &values) != 1) {
    throw parquet::ParquetException("a page holds fewer values than it declares");
  }
  return true;
}

void ColumnWalk::read_to(std::int64_t row, std::int64_t keep_from, const Visit& visit) {
  wanted_ = keep_from;
  while (row_ <= row) {
    if (!pending_) {
      pending_ = next_level();
      row_ += std::exchange(passed_, 0);
      if (!pending_) throw parquet::ParquetException(fmt::format("a column ends before row {} of its row group", row));
    }
    std::int64_t item = 0;
    do {
      if (definition_ < column_.item.repeated_ancestor_def_level) continue;  // an empty list
      if (row_ >= keep_from) {
        const bool has = definition_ >= column_.bytes.def_level;
        visit(row_, item,
              has ? std::optional(std::string_view(reinterpret_cast<const char*>(value_.ptr), value_.len))
                  : std::nullopt);
      }
      ++item;
    } while ((pending_ = next_level()) && repetition_ > 0);
    row_ += 1 + std::exchange(passed_, 0);
  }
}

}  // namespace scalselect::pq
