#include "data/parquet/file.h"

#include <arrow/type.h>
#include <arrow/util/io_util.h>
#include <fmt/format.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "core/utf8.h"

namespace scalselect::pq {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kBufferBytes = 256 << 10;  ///< of a column's stream

/// What is wrong with a file before its footer is parsed; empty: nothing.
std::string find_fault(arrow::io::ReadableFile& source, std::int64_t bytes) {
  constexpr std::int64_t kMagic = 4, kTail = 8;  // "PAR1"; the footer's size, "PAR1"
  if (bytes < kMagic + kTail) return "is too short for a Parquet file";
  std::array<char, kTail> head{}, tail{};
  require(source.ReadAt(0, kMagic, head.data()));
  require(source.ReadAt(bytes - kTail, kTail, tail.data()));
  const std::string_view first(head.data(), kMagic), last(tail.data() + kMagic, kMagic);
  if (first == "PARE" || last == "PARE") return "is encrypted, which is not supported";
  if (first != "PAR1") return "is not a Parquet file";
  if (last != "PAR1") return "ends without the footer of a Parquet file, so it is cut short or still being written";
  std::uint32_t footer = 0;
  std::memcpy(&footer, tail.data(), sizeof footer);
  if (footer > bytes - kMagic - kTail) return fmt::format("declares a footer of {} bytes, more than it has", footer);
  return {};
}

using arrow::Type;

bool is_bytes(const arrow::DataType& type) {
  return type.id() == Type::BINARY || type.id() == Type::LARGE_BINARY || type.id() == Type::BINARY_VIEW;
}

bool is_text(const arrow::DataType& type) {
  if (type.id() == Type::DICTIONARY) return is_text(*static_cast<const arrow::DictionaryType&>(type).value_type());
  return type.id() == Type::STRING || type.id() == Type::LARGE_STRING || type.id() == Type::STRING_VIEW;
}

bool is_list(const arrow::DataType& type) { return type.id() == Type::LIST || type.id() == Type::LARGE_LIST; }

using Field = parquet::arrow::SchemaField;

/// The picture column that `field` is, if it is one.
std::optional<PictureColumn> as_pictures(const Field& field) {
  PictureColumn found;
  const Field* item = &field;
  if (is_list(*field.field->type()) && field.children.size() == 1) {
    found.list = true;
    item = &field.children.front();
  }
  found.item = item->level_info;
  const auto& name = field.field->name();
  if (is_bytes(*item->field->type()) && (name == "image" || name == "images")) {
    found.bytes_leaf = item->column_index;
    found.bytes = item->level_info;
    return found;
  }
  if (item->field->type()->id() != Type::STRUCT) return std::nullopt;
  bool has_bytes = false;
  for (const auto& child : item->children) {
    if (child.field->name() == "bytes" && is_bytes(*child.field->type())) {
      found.bytes_leaf = child.column_index;
      found.bytes = child.level_info;
      has_bytes = true;
    } else if (child.field->name() == "path" && is_text(*child.field->type())) {
      found.path_leaf = child.column_index;
    } else if (child.field->name() == "path" && child.field->type()->id() == Type::NA) {
      // no picture has a path, and the writer knew no type for it
    } else {
      return std::nullopt;  // a struct of another kind
    }
  }
  if (!has_bytes || item->children.size() > 2) return std::nullopt;
  return found;
}

/// Where the chunk's pages begin.
std::int64_t chunk_start(const parquet::ColumnChunkMetaData& chunk) {
  const auto data = chunk.data_page_offset();
  const bool dictionary = chunk.has_dictionary_page() && chunk.dictionary_page_offset() > 0;
  return dictionary ? std::min(data, chunk.dictionary_page_offset()) : data;
}

}  // namespace

void require(const arrow::Status& status) {
  if (!status.ok()) throw parquet::ParquetException(status.message());
}

std::string reason(const std::exception& error) {
  std::string text = error.what();
  if (text.find("cap exceeded") != text.npos) return "a part of it takes more than 2 GiB of memory";  // see Memory
  text.resize(std::min(text.find('\n'), text.size()));
  text = repair_utf8(text);  // it may quote the damage
  std::erase_if(text, [](unsigned char c) { return c < 0x20; });
  while (!text.empty() && (text.back() == '.' || text.back() == ' ')) text.pop_back();
  return text;
}

parquet::ReaderProperties reader_properties(arrow::MemoryPool* pool) {
  parquet::ReaderProperties properties(pool);
  properties.enable_buffered_stream();
  properties.set_buffer_size(kBufferBytes);
  properties.set_page_checksum_verification(true);
  return properties;
}

parquet::ArrowReaderProperties arrow_properties() {
  parquet::ArrowReaderProperties properties(/*use_threads=*/false);
  properties.set_pre_buffer(false);
  properties.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);  // nanoseconds reach no further than 2262
  return properties;
}

ParquetFile::ParquetFile(const fs::path& file) : file_(file) {
  open_source();
  std::string fault;
  try {
    bytes_ = require(source_->GetSize());
    fault = find_fault(*source_, bytes_);
    if (fault.empty()) {
      metadata_ = parquet::ParquetFileReader::Open(source_, reader_properties(memory_.pool()))->metadata();
      if (metadata_->num_columns() == 0) fault = "has no columns";
      first_rows_.push_back(0);
      for (int group = 0; fault.empty() && group < groups(); ++group) {
        const auto rows = metadata_->RowGroup(group)->num_rows();
        if (rows < 0 || rows > (std::int64_t{1} << 40))
          fault = fmt::format("declares {} rows in row group {}", rows, group);
        first_rows_.push_back(first_rows_.back() + rows);
      }
      if (fault.empty()) find_pictures();
    }
  } catch (const std::exception& error) {
    fault = fmt::format("cannot be opened as a Parquet file: {}", reason(error));
  }
  if (fault.empty()) return;
  throw UserError(ErrorKind::kInput, fmt::format("'{}' {}.", file.string(), fault),
                  "None of its rows can be read; download or write it again.");
}

void ParquetFile::open_source() {
  auto opened = arrow::io::ReadableFile::Open(file_.string());
  if (opened.ok()) {
    source_ = *std::move(opened);
    return;
  }
  const int code = arrow::internal::ErrnoFromStatus(opened.status());
  if (code == ENOENT || code == ENOTDIR) {
    throw UserError(ErrorKind::kInput, fmt::format("There is no file '{}'.", file_.string()), "Check the path.");
  }
  throw UserError(ErrorKind::kEnvironment,
                  fmt::format("'{}' cannot be opened: {}.", file_.string(), std::strerror(code)),
                  "Check permissions, the limit on open files, and the disk.");
}

void ParquetFile::find_pictures() {
  parquet::arrow::SchemaManifest manifest;
  require(parquet::arrow::SchemaManifest::Make(metadata_->schema(), metadata_->key_value_metadata(), arrow_properties(),
                                               &manifest));
  for (std::size_t i = 0; i < manifest.schema_fields.size(); ++i) {
    names_.push_back(manifest.schema_fields[i].field->name());
    auto column = as_pictures(manifest.schema_fields[i]);
    if (!column) continue;
    column->field = static_cast<int>(i);
    pictures_.push_back(*column);
  }
}

int ParquetFile::group_of(std::int64_t row) const {
  const auto after = std::upper_bound(first_rows_.begin(), first_rows_.end(), row);
  return static_cast<int>(after - first_rows_.begin()) - 1;
}

const PictureColumn* ParquetFile::picture(int field) const {
  const auto found = std::find_if(pictures_.begin(), pictures_.end(), [&](const auto& c) { return c.field == field; });
  return found == pictures_.end() ? nullptr : &*found;
}

std::unique_ptr<parquet::ParquetFileReader> ParquetFile::reader(Memory& memory) const {
  return parquet::ParquetFileReader::Open(source_, reader_properties(memory.pool()), metadata_);
}

void ParquetFile::check_group(int group) const {
  const auto rows = metadata_->RowGroup(group);
  const auto fail = [&](int column, const std::string& what) {
    throw parquet::ParquetException(fmt::format(
        "column '{}' of row group {} {}", metadata_->schema()->Column(column)->path()->ToDotString(), group, what));
  };
  if (rows->num_columns() != metadata_->num_columns()) {
    throw parquet::ParquetException(
        fmt::format("row group {} has {} of {} columns", group, rows->num_columns(), metadata_->num_columns()));
  }
  for (int column = 0; column < rows->num_columns(); ++column) {
    const auto chunk = rows->ColumnChunk(column);
    if (chunk->crypto_metadata()) fail(column, "is encrypted");
    if (!chunk->file_path().empty()) fail(column, fmt::format("lies in another file, '{}'", chunk->file_path()));
    const auto start = chunk_start(*chunk), size = chunk->total_compressed_size();
    if (start < 0 || size < 0 || start > bytes_ || size > bytes_ - start)
      fail(column, "lies beyond the end of the file");
    if (chunk->num_values() < rows->num_rows()) fail(column, "has fewer values than rows");
    if (!chunk->can_decompress()) fail(column, "is compressed in a way that this build of Arrow does not know");
  }
}

}  // namespace scalselect::pq
