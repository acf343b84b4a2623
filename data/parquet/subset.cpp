#include "data/parquet/subset.h"

#include <arrow/io/file.h>
#include <fmt/format.h>
#include <parquet/column_reader.h>
#include <parquet/column_writer.h>
#include <parquet/exception.h>
#include <parquet/file_writer.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/files.h"

namespace scalselect::pq {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLevels = 1024, kBytes = 1 << 20;  ///< what is handed to the writer at once, roughly

/// The source cannot be read; everything else that goes wrong is the fault of the place that is written to.
struct SourceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Calls `read`, which reads the source.
template <typename Read>
auto reading(Read read) {
  try {
    return read();
  } catch (const std::exception& error) {
    throw SourceError(reason(error));
  }
}

/// Copies chosen rows of a column chunk to the end of another one.
template <typename Type>
class ColumnCopy {
 public:
  using Value = typename Type::c_type;

  ColumnCopy(parquet::ColumnReader& reader, parquet::ColumnWriter& writer)
      : descriptor_(*reader.descr()),
        reader_(static_cast<parquet::TypedColumnReader<Type>&>(reader)),
        writer_(static_cast<parquet::TypedColumnWriter<Type>&>(writer)) {}

  /// `rows` count from the start of the row group.
  void copy(std::span<const std::int64_t> rows) {
    const auto max_definition = descriptor_.max_definition_level(), max_repetition = descriptor_.max_repetition_level();
    const auto values = std::make_unique<Value[]>(kLevels);
    std::vector<std::int16_t> definitions(kLevels, max_definition), repetitions(kLevels, 0);
    std::int64_t row = -1;
    std::size_t chosen = 0;
    while (chosen < rows.size()) {
      std::int64_t known = 0;
      const auto levels = reading([&] {
        return reader_.HasNext()
                   ? reader_.ReadBatch(kLevels, definitions.data(), repetitions.data(), values.get(), &known)
                   : 0;
      });
      if (levels == 0) break;
      const Value* value = values.get();
      for (std::size_t i = 0; i < static_cast<std::size_t>(levels); ++i) {
        const bool starts = max_repetition == 0 || repetitions[i] == 0;
        if (starts) {
          if (chosen < rows.size() && rows[chosen] == row) ++chosen;
          if (chosen == rows.size()) break;
          ++row;
        }
        const bool present = definitions[i] == max_definition;
        if (rows[chosen] == row) add(definitions[i], repetitions[i], present ? value : nullptr, starts);
        value += present;
      }
    }
    if (chosen < rows.size() && rows[chosen] == row) ++chosen;
    if (chosen < rows.size()) {
      throw SourceError(
          fmt::format("column '{}' ends before its row {}", descriptor_.path()->ToDotString(), rows[chosen]));
    }
    flush();
  }

 private:
  struct Cell {  // std::vector<bool> has no array
    Value value;
  };

  void add(std::int16_t definition, std::int16_t repetition, const Value* value, bool starts) {
    if (starts && (definitions_.size() >= kLevels || size_ >= kBytes)) flush();
    definitions_.push_back(definition);
    repetitions_.push_back(repetition);
    if (value != nullptr) values_.push_back({kept(*value)});
  }

  /// Bytes are the reader's until its next page: they are copied.
  Value kept(const Value& value) {
    if constexpr (std::is_same_v<Type, parquet::ByteArrayType>) {
      bytes_.emplace_back(reinterpret_cast<const char*>(value.ptr), value.len);
    } else if constexpr (std::is_same_v<Type, parquet::FLBAType>) {
      bytes_.emplace_back(reinterpret_cast<const char*>(value.ptr),
                          static_cast<std::size_t>(descriptor_.type_length()));
    } else {
      return value;
    }
    if constexpr (std::is_same_v<Type, parquet::ByteArrayType> || std::is_same_v<Type, parquet::FLBAType>) {
      size_ += bytes_.back().size();
      Value copy = value;
      copy.ptr = reinterpret_cast<const std::uint8_t*>(bytes_.back().data());
      return copy;
    }
  }

  void flush() {
    writer_.WriteBatch(static_cast<std::int64_t>(definitions_.size()), definitions_.data(), repetitions_.data(),
                       reinterpret_cast<const Value*>(values_.data()));
    definitions_.clear();
    repetitions_.clear();
    values_.clear();
    bytes_.clear();
    size_ = 0;
  }

  const parquet::ColumnDescriptor& descriptor_;
  parquet::TypedColumnReader<Type>& reader_;
  parquet::TypedColumnWriter<Type>& writer_;
  std::vector<std::int16_t> definitions_, repetitions_;
  std::vector<Cell> values_;
  std::deque<std::string> bytes_;
  std::size_t size_ = 0;  ///< of bytes_
};

void copy_column(parquet::ColumnReader& reader, parquet::ColumnWriter& writer, std::span<const std::int64_t> rows) {
  switch (reader.type()) {
    case parquet::Type::BOOLEAN: return ColumnCopy<parquet::BooleanType>(reader, writer).copy(rows);
    case parquet::Type::INT32: return ColumnCopy<parquet::Int32Type>(reader, writer).copy(rows);
    case parquet::Type::INT64: return ColumnCopy<parquet::Int64Type>(reader, writer).copy(rows);
    case parquet::Type::INT96: return ColumnCopy<parquet::Int96Type>(reader, writer).copy(rows);
    case parquet::Type::FLOAT: return ColumnCopy<parquet::FloatType>(reader, writer).copy(rows);
    case parquet::Type::DOUBLE: return ColumnCopy<parquet::DoubleType>(reader, writer).copy(rows);
    case parquet::Type::BYTE_ARRAY: return ColumnCopy<parquet::ByteArrayType>(reader, writer).copy(rows);
    case parquet::Type::FIXED_LEN_BYTE_ARRAY: return ColumnCopy<parquet::FLBAType>(reader, writer).copy(rows);
    default: throw parquet::ParquetException("a column has an unknown type");
  }
}

/// The value encoding of a chunk without a dictionary, or nothing if Arrow's own choice is as good.
std::optional<parquet::Encoding::type> value_encoding(const parquet::ColumnChunkMetaData& chunk) {
  for (const auto encoding : chunk.encodings()) {
    switch (encoding) {
      case parquet::Encoding::DELTA_BINARY_PACKED:
      case parquet::Encoding::DELTA_LENGTH_BYTE_ARRAY:
      case parquet::Encoding::DELTA_BYTE_ARRAY:
      case parquet::Encoding::BYTE_STREAM_SPLIT: return encoding;
      default: break;
    }
  }
  return std::nullopt;
}

/// As the source's first row group was written.
std::shared_ptr<parquet::WriterProperties> writer_properties(const parquet::FileMetaData& source) {
  parquet::WriterProperties::Builder builder;
  builder.version(source.version());
  if (source.num_row_groups() == 0) return builder.build();
  const auto group = source.RowGroup(0);
  builder.set_sorting_columns(group->sorting_columns());
  for (int column = 0; column < group->num_columns(); ++column) {
    const auto chunk = group->ColumnChunk(column);
    const auto path = source.schema()->Column(column)->path();
    const auto codec = chunk->compression();
    builder.compression(path, codec == parquet::Compression::LZ4_HADOOP ? parquet::Compression::LZ4 : codec);
    if (chunk->has_dictionary_page()) {
      builder.enable_dictionary(path);
    } else {
      builder.disable_dictionary(path);
      if (const auto encoding = value_encoding(*chunk)) builder.encoding(path, *encoding);
    }
    chunk->is_stats_set() ? builder.enable_statistics(path) : builder.disable_statistics(path);
    chunk->GetOffsetIndexLocation() ? builder.enable_write_page_index(path) : builder.disable_write_page_index(path);
    for (const auto& pages : chunk->encoding_stats()) {
      if (pages.page_type == parquet::PageType::DATA_PAGE_V2)
        builder.data_page_version(parquet::ParquetDataPageVersion::V2);
    }
  }
  return builder.build();
}

/// Chosen rows of one row group, counted from its start.
struct Share {
  int group = 0;
  std::vector<std::int64_t> rows;
};

/// The shares of each row group of the subset: as many rows as the source's largest one has, or the last few.
std::vector<std::vector<Share>> plan(const ParquetFile& file, std::span<const std::int64_t> rows) {
  std::int64_t largest = 1, held = 0;
  for (int group = 0; group < file.groups(); ++group) {
    largest = std::max(largest, file.first_row(group + 1) - file.first_row(group));
  }
  std::vector<std::vector<Share>> groups;
  for (const auto row : rows) {
    const int from = file.group_of(row);
    if (groups.empty() || held == largest) {
      groups.emplace_back();
      held = 0;
    }
    auto& shares = groups.back();
    if (shares.empty() || shares.back().group != from) shares.push_back({from, {}});
    shares.back().rows.push_back(row - file.first_row(from));
    ++held;
  }
  return groups;
}

class Copier {
 public:
  Copier(const ParquetFile& file, parquet::ParquetFileWriter& writer) : file_(file), writer_(writer) {}

  void write(const std::vector<Share>& shares) {
    auto* group = writer_.AppendRowGroup();
    for (int column = 0; column < file_.metadata().num_columns(); ++column) {
      auto* out = group->NextColumn();
      for (const auto& share : shares) {
        if (column == 0) reading([&] { file_.check_group(share.group); });
        Memory memory;
        const auto reader = reading([&] { return file_.reader(memory); });
        const auto in = reading([&] { return reader->RowGroup(share.group)->Column(column); });
        copy_column(*in, *out, share.rows);
      }
      out->Close();
    }
    group->Close();
  }

 private:
  const ParquetFile& file_;
  parquet::ParquetFileWriter& writer_;
};

}  // namespace

void write_subset(const ParquetFile& file, std::span<const std::int64_t> rows, const fs::path& out) {
  const auto& source = file.metadata();
  const auto root = std::static_pointer_cast<parquet::schema::GroupNode>(source.schema()->schema_root());
  write_file_with(out, [&](const fs::path& temporary) {
    std::shared_ptr<arrow::io::FileOutputStream> sink;
    try {
      const auto properties = reading([&] {
        if (file.groups() > 0) file.check_group(0);
        return writer_properties(source);
      });
      sink = require(arrow::io::FileOutputStream::Open(temporary.string()));
      const auto writer = parquet::ParquetFileWriter::Open(sink, root, properties, source.key_value_metadata());
      Copier copier(file, *writer);
      for (const auto& shares : plan(file, rows)) copier.write(shares);
      writer->Close();
      require(sink->Close());
    } catch (const SourceError& error) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("Rows of '{}' cannot be copied: {}.", file.file().string(), error.what()),
                      "Download or write it again.");
    } catch (const std::bad_alloc&) {  // no fault of the disk
      throw;
    } catch (const std::exception& error) {
      throw UserError(ErrorKind::kEnvironment, fmt::format("'{}' cannot be written: {}.", out.string(), reason(error)),
                      "Choose another place, or make room on the disk.");
    }
  });
}

}  // namespace scalselect::pq
