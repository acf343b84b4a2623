#include "data/parquet/writer.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_nested.h>
#include <arrow/builder.h>
#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>
#include <parquet/arrow/writer.h>

#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "data/parquet/file.h"
#include "data/parquet/shape.h"

namespace scalselect::pq {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kGroupRows = 1000, kGroupBytes = 64 << 20;  ///< of a row group
constexpr char kImage[] = "image", kImages[] = "images";

Json parse(const ParquetRow& row) {
  auto object = Json::parse(row.json);
  for (const char* key : {kImage, kImages}) object.erase(key);
  return object;
}

/// The name of a picture inside a container says nothing to others.
bool is_reference(const std::string& name) { return name.starts_with("parquet:") || name.starts_with("tar:"); }

std::shared_ptr<arrow::DataType> picture_type() {
  return arrow::struct_({arrow::field("bytes", arrow::binary()), arrow::field("path", arrow::utf8())});
}

/// All rows, seen once: the columns that they need.
struct Columns {
  Shape members{std::numeric_limits<std::size_t>::max()};  ///< of the rows' objects
  std::optional<std::string> pictures;                     ///< the name of their column: of lists, if a row has several

  void add(const ParquetRow& row) {
    members.add(parse(row));
    if (row.pictures.size() > 1) pictures = kImages;
    if (row.pictures.size() == 1 && !pictures) pictures = kImage;
  }
  bool lists() const { return pictures == kImages; }

  /// The pictures stand after the id, as most data sets have them.
  std::shared_ptr<arrow::Schema> schema() const {
    auto fields = members.type()->fields();
    if (pictures) {
      const bool id = !fields.empty() && fields.front()->name() == "id";
      fields.insert(fields.begin() + (id ? 1 : 0),
                    arrow::field(*pictures, lists() ? arrow::list(picture_type()) : picture_type()));
    }
    auto features = members.feature();
    if (pictures) {
      const Json image = {{"_type", "Image"}};
      features[*pictures] = lists() ? Json::array({image}) : image;
    }
    Json ordered = Json::object();
    for (const auto& field : fields) ordered[field->name()] = features[field->name()];
    const Json about = {{"info", {{"features", ordered}}}};
    return arrow::schema(fields, arrow::key_value_metadata({"huggingface"}, {about.dump()}));
  }
};

/// Pictures are compressed already. Pages are small, so that one picture can be read without many others.
std::shared_ptr<parquet::WriterProperties> properties(const Columns& columns) {
  parquet::WriterProperties::Builder builder;
  builder.compression(parquet::Compression::SNAPPY)->write_batch_size(16)->enable_write_page_index();
  if (columns.pictures) {
    const auto bytes = *columns.pictures + (columns.lists() ? ".list.element.bytes" : ".bytes");
    builder.compression(bytes, parquet::Compression::UNCOMPRESSED)
        ->disable_dictionary(bytes)
        ->encoding(bytes, parquet::Encoding::PLAIN);
  }
  return builder.build();
}

/// Collects row groups and writes them.
class Rows {
 public:
  Rows(const Columns& columns, const PictureReader& read_picture, std::shared_ptr<arrow::io::OutputStream> sink)
      : columns_(columns), read_picture_(read_picture), schema_(columns.schema()) {
    const auto arrow = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    writer_ = require(
        parquet::arrow::FileWriter::Open(*schema_, memory_.pool(), std::move(sink), properties(columns), arrow));
    members_ = require(arrow::MakeBuilder(columns.members.type(), memory_.pool()));
    if (columns.pictures) {
      const auto type = columns.lists() ? arrow::list(picture_type()) : picture_type();
      pictures_ = require(arrow::MakeBuilder(type, memory_.pool()));
    }
  }

  void add(const ParquetRow& row) {
    columns_.members.append(parse(row), *members_);
    bytes_ += static_cast<std::int64_t>(row.json.size());
    if (pictures_) add_pictures(row.pictures);
    if (++rows_ >= kGroupRows || bytes_ >= kGroupBytes) flush();
  }

  void close() {
    flush();
    require(writer_->Close());
  }

 private:
  void add_pictures(const std::vector<std::string>& names) {
    if (!columns_.lists()) {
      if (names.empty()) return require(pictures_->AppendNull());
      return add_picture(names.front(), static_cast<arrow::StructBuilder&>(*pictures_));
    }
    auto& list = static_cast<arrow::ListBuilder&>(*pictures_);
    require(list.Append());
    for (const auto& name : names) add_picture(name, static_cast<arrow::StructBuilder&>(*list.value_builder()));
  }

  /// A file's own name is kept, as `datasets` does.
  void add_picture(const std::string& name, arrow::StructBuilder& builder) {
    const auto bytes = read_picture_(name);
    require(builder.Append());
    auto& data = static_cast<arrow::BinaryBuilder&>(*builder.field_builder(0));
    require(bytes ? data.Append(*bytes) : data.AppendNull());
    auto& path = static_cast<arrow::StringBuilder&>(*builder.field_builder(1));
    require(is_reference(name) ? path.AppendNull() : path.Append(fs::path(name).filename().string()));
    if (bytes) bytes_ += static_cast<std::int64_t>(bytes->size());
  }

  void flush() {
    if (rows_ == 0) return;
    arrow::ArrayVector arrays;
    const auto members = require(members_->Finish());
    for (int i = 0; i < members->type()->num_fields(); ++i) {
      arrays.push_back(static_cast<const arrow::StructArray&>(*members).field(i));
    }
    if (pictures_) {
      arrays.insert(arrays.begin() + schema_->GetFieldIndex(*columns_.pictures), require(pictures_->Finish()));
    }
    require(writer_->WriteTable(
        *require(arrow::Table::FromRecordBatches(schema_, {arrow::RecordBatch::Make(schema_, rows_, arrays)})), rows_));
    rows_ = bytes_ = 0;
  }

  const Columns& columns_;
  const PictureReader& read_picture_;
  std::shared_ptr<arrow::Schema> schema_;
  Memory memory_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::unique_ptr<arrow::ArrayBuilder> members_, pictures_;
  std::int64_t rows_ = 0, bytes_ = 0;
};

}  // namespace

std::vector<std::string> write_rows(const fs::path& out, const ParquetRowSource& each_row,
                                    const PictureReader& read_picture) {
  Columns columns;
  each_row([&](const ParquetRow& row) { columns.add(row); });
  if (columns.schema()->num_fields() == 0) {
    throw UserError(ErrorKind::kInput, fmt::format("There are no rows to write to '{}'.", out.string()),
                    "Choose some.");
  }
  write_file_with(out, [&](const fs::path& temporary) {
    try {
      const auto sink = require(arrow::io::FileOutputStream::Open(temporary.string()));
      Rows rows(columns, read_picture, sink);
      each_row([&](const ParquetRow& row) { rows.add(row); });
      rows.close();
      require(sink->Close());
    } catch (const UserError&) {
      throw;
    } catch (const std::bad_alloc&) {  // no fault of the disk
      throw;
    } catch (const std::exception& error) {
      throw UserError(ErrorKind::kEnvironment, fmt::format("'{}' cannot be written: {}.", out.string(), reason(error)),
                      "Choose another place, or make room on the disk.");
    }
  });
  std::vector<std::string> mixed;
  columns.members.list_mixed("", mixed);
  return mixed;
}

}  // namespace scalselect::pq
