#include "data/parquet/rows.h"

#include <fmt/format.h>
#include <parquet/exception.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "data/parquet/json_text.h"

namespace scalselect::pq {
namespace {

constexpr std::int64_t kBatchBytes = 8 << 20, kBatchRows = 4096;

}  // namespace

ParquetRows::ParquetRows(const ParquetFile& file, std::int64_t first)
    : file_(file), path_(std::filesystem::absolute(file.file()).lexically_normal().string()), row_(first) {
  const auto& schema = *file.metadata().schema();
  for (std::size_t field = 0; field < file.names().size(); ++field) {
    Member member;
    append_json_string(file.names()[field], member.key);
    member.key += ": ";
    member.pictures = file.picture(static_cast<int>(field));
    members_.push_back(std::move(member));
  }
  int arrays = 0;
  for (int leaf = 0; leaf < schema.num_columns(); ++leaf) {
    const auto field = schema.group_node()->FieldIndex(*schema.GetColumnRoot(leaf));
    auto& member = members_.at(static_cast<std::size_t>(field));
    if (member.pictures != nullptr && member.pictures->bytes_leaf == leaf) continue;
    leaves_.push_back(leaf);
    if (member.array < 0) member.array = arrays++;
  }
}

/// Rows of a batch that take about kBatchBytes.
std::int64_t ParquetRows::batch_rows(int group) const {
  const auto rows = file_.metadata().RowGroup(group);
  std::int64_t bytes = 0;
  for (const int leaf : leaves_) bytes += std::max<std::int64_t>(0, rows->ColumnChunk(leaf)->total_uncompressed_size());
  const double row_bytes =
      static_cast<double>(bytes) / static_cast<double>(std::max<std::int64_t>(1, rows->num_rows()));
  return std::clamp(static_cast<std::int64_t>(static_cast<double>(kBatchBytes) / (row_bytes + 1)), std::int64_t{1},
                    kBatchRows);
}

void ParquetRows::open_group(int group, std::int64_t batch_rows) {
  file_.check_group(group);
  batches_.reset();
  batch_.reset();
  auto properties = arrow_properties();
  properties.set_batch_size(batch_rows);
  reader_ = require(parquet::arrow::FileReader::Make(memory_.pool(), file_.reader(memory_), properties));
  batches_ = require(reader_->GetRecordBatchReader({group}, leaves_));
  for (auto& member : members_) {
    if (member.pictures != nullptr) member.presence = std::make_unique<Presence>(file_, *member.pictures, group);
  }
  group_ = group;
  batch_size_ = batch_rows;
  batch_end_ = file_.first_row(group);
}

/// Makes batch_ the one that holds row_.
void ParquetRows::read_batch() {
  const int group = file_.group_of(row_);
  if (group != group_ || batch_end_ > row_) open_group(group, batch_rows(group));
  while (batch_end_ <= row_) {
    batch_.reset();
    require(batches_->ReadNext(&batch_));
    if (!batch_ || batch_->num_rows() == 0)
      throw parquet::ParquetException("the file ends in the middle of a row group");
    at_ = row_ - batch_end_;
    batch_end_ += batch_->num_rows();
  }
}

bool ParquetRows::next(RawRow& row) {
  row = {};
  if (row_ >= file_.rows()) return false;
  try {
    if (!batch_ || row_ >= batch_end_) {
      try {
        read_batch();
      } catch (const std::exception&) {
        // Rows before the damage can be read one by one, and so can rows that are too large together.
        const int group = file_.group_of(row_);
        if (group_ == group && batch_size_ == 1) throw;
        open_group(group, 1);
        read_batch();
      }
    }
    row.json = '{';
    for (auto& member : members_) {
      if (&member != &members_.front()) row.json += ", ";
      if (member.presence) member.presence->move_to(row_ - file_.first_row(group_));
      append_member(member, row.json);
    }
    row.json += '}';
  } catch (const std::exception& error) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("Only the first {} of {} rows of '{}' can be read: {}.", row_, file_.rows(),
                                file_.file().string(), reason(error)),
                    "Download or write it again.");
  }
  ++row_;
  ++at_;
  return true;
}

void ParquetRows::append_member(const Member& member, std::string& out) const {
  out += member.key;
  if (member.pictures != nullptr) return append_pictures(member, out);
  append_json(*batch_->column(member.array), at_, out);
}

/// Row groups that are passed over are not read; the next row finds its batch.
std::int64_t ParquetRows::skip(std::int64_t rows) {
  const auto passed = std::min(rows, file_.rows() - row_);
  row_ += passed;
  at_ += passed;
  return passed;
}

/// Where the batch has the pictures' paths, it says how many pictures there are; else the bytes do.
void ParquetRows::append_pictures(const Member& member, std::string& out) const {
  const auto* array = member.array < 0 ? nullptr : batch_->column(member.array).get();
  if (array != nullptr && array->IsNull(at_)) {
    out += "null";
  } else if (!member.pictures->list) {
    append_picture(member, array, at_, 0, out);
  } else {
    const auto [begin, end] =
        array == nullptr ? std::pair<std::int64_t, std::int64_t>(0, member.presence->count()) : list_range(*array, at_);
    out += '[';
    for (auto item = begin; item < end; ++item) {
      if (item > begin) out += ", ";
      append_picture(member, array == nullptr ? nullptr : &list_values(*array), item, item - begin, out);
    }
    out += ']';
  }
}

void ParquetRows::append_picture(const Member& member, const arrow::Array* items, std::int64_t item, std::int64_t slot,
                                 std::string& out) const {
  if (items != nullptr && items->IsNull(item)) {
    out += "null";
  } else if (member.presence->has_bytes(slot)) {
    append_json_string(fmt::format("parquet:{}:{}:{}:{}", row_, member.pictures->field, slot, path_), out);
  } else if (items != nullptr) {
    append_json(*static_cast<const arrow::StructArray&>(*items).field(0), item, out);
  } else {
    out += "null";
  }
}

}  // namespace scalselect::pq
