#include "data/containers/json_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "core/error.h"
#include "core/lfs_pointer.h"
#include "core/utf8.h"

namespace scalselect {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, fmt::format("The pool '{}' {}.", file.string(), what), remedy);
}

constexpr const char* kGive = "Give a file of LLaVA 'conversations' or LLaMA-Factory 'messages'.";
constexpr const char* kCopyAgain = "Copy or write the file again.";

/// The first character that is neither blank nor part of a byte order mark; nothing in an empty text.
std::optional<char> first_character(ByteStream& text) {
  std::string chunk(4096, '\0');
  std::size_t filled = 0;
  bool begun = false;
  while (true) {
    const auto got = text.read(chunk.data() + filled, chunk.size() - filled);
    filled += got;
    if (!begun && filled < 3 && got > 0) continue;
    std::string_view view(chunk.data(), filled);
    if (!begun) view = after_byte_order_mark(view);
    begun = true;
    const auto found = view.find_first_not_of(" \t\r\n");
    if (found != std::string_view::npos) return view[found];
    if (got == 0) return {};
    filled = 0;
  }
}

JsonLayout layout_of(const FileBytes& bytes) {
  const auto& file = bytes.file();
  std::optional<char> first;
  try {
    first = first_character(*bytes.open());
  } catch (const DamagedStream& error) {
    refuse(file, std::string(error.what()) + "; no row could be read", kCopyAgain);
  }
  if (!first) refuse(file, "is empty", "Give a JSON array or JSON lines of samples.");
  if (bytes.compression() == Compression::kNone) refuse_wide_text(bytes.head(), file);
  if (*first == '[') return JsonLayout::kArray;
  if (*first == '{') return JsonLayout::kLines;
  if (is_lfs_pointer(bytes.head())) refuse(file, "is a Git LFS pointer, not the pool", kFetchFromLfs);
  const auto c = static_cast<unsigned char>(*first);
  refuse(file,
         fmt::format("begins with {}, which is neither a JSON array nor JSON lines",
                     c > 0x20 && c < 0x7F ? fmt::format("'{:c}'", c) : fmt::format("the byte 0x{:02X}", c)),
         kGive);
}

}  // namespace

class JsonFile::Cursor : public RowCursor {
 public:
  explicit Cursor(const JsonFile& file) : file_(file) { open({}, 0); }

  bool next(RawRow& row) override {
    std::string_view value;
    if (!step(value)) return false;
    row.unreadable = values_->fault();
    row.json.assign(row.unreadable.empty() ? value : std::string_view());
    row.place = fmt::format("line {}", last_line_);
    return true;
  }

  std::int64_t skip(std::int64_t rows) override {
    const auto from = row_;
    const auto target =
        rows > std::numeric_limits<std::int64_t>::max() - row_ ? std::numeric_limits<std::int64_t>::max() : row_ + rows;
    JsonPlace place;
    if (const auto known = file_.remembered(row_, target, place); known >= 0) open(place, known);
    std::string_view value;
    while (row_ < target && step(value)) {
    }
    return row_ - from;
  }

 private:
  void open(const JsonPlace& from, std::int64_t row) {
    stream_ = file_.bytes_.open(from.byte);
    values_.emplace([this](char* to, std::size_t size) { return stream_->read(to, size); }, file_.layout_, from,
                    /*bad_lines=*/true);
    row_ = row;
  }

  bool step(std::string_view& value) {
    try {
      if (!values_->next(value)) {
        const auto& error = values_->error();
        if (error.what.empty()) return false;
        fail(fmt::format("{} at line {}, byte {}", error.what, error.place.line, error.place.byte));
      }
    } catch (const DamagedStream& error) {
      fail(error.what());
    }
    last_line_ = values_->place().line;
    file_.remember(row_, values_->place());
    ++row_;
    return true;
  }

  [[noreturn]] void fail(const std::string& what) const {
    const std::string last = row_ == 0 ? "no row before it is whole"
                                       : fmt::format("{} row{} could be read: the last whole row is {}, on line {}",
                                                     row_, row_ == 1 ? "" : "s", row_ - 1, last_line_);
    refuse(file_.file(), fmt::format("{}; {}", what, last), kCopyAgain);
  }

  const JsonFile& file_;
  std::unique_ptr<ByteStream> stream_;
  std::optional<JsonValues> values_;
  std::int64_t row_ = 0, last_line_ = 0;  ///< the next row; where the last one begins
};

JsonFile::JsonFile(const std::filesystem::path& file) : JsonFile(FileBytes(file)) {}

JsonFile::JsonFile(FileBytes bytes) : bytes_(std::move(bytes)), layout_(layout_of(bytes_)) {}

void JsonFile::remember(std::int64_t row, const JsonPlace& place) const {
  if (row % kStride != 0 || compression() != Compression::kNone) return;
  const std::lock_guard lock(mutex_);
  if (static_cast<std::size_t>(row / kStride) == index_.size()) index_.push_back(place);
}

std::int64_t JsonFile::remembered(std::int64_t after, std::int64_t upto, JsonPlace& place) const {
  const std::lock_guard lock(mutex_);
  if (index_.empty()) return -1;
  const auto at = std::min(upto / kStride, static_cast<std::int64_t>(index_.size()) - 1);
  if (at * kStride <= after) return -1;
  place = index_[static_cast<std::size_t>(at)];
  return at * kStride;
}

std::unique_ptr<RowCursor> JsonFile::rows(std::int64_t first) const {
  auto cursor = std::make_unique<Cursor>(*this);
  cursor->skip(first);
  return cursor;
}

void JsonFile::write_subset(std::span<const std::int64_t> rows, const std::filesystem::path& out) const {
  JsonRowsWriter writer(out, layout_, compression());
  const auto cursor = this->rows(0);
  RawRow row;
  std::int64_t next = 0;
  for (const auto wanted : rows) {
    cursor->skip(wanted - next);
    if (!cursor->next(row)) refuse(file(), "changed while it was read", kCopyAgain);
    next = wanted + 1;
    writer.add(row.json);
  }
  writer.commit();
}

void JsonFile::hash(Sha256& hash) const {
  const auto stream = bytes_.open_stored();
  std::string chunk(std::size_t{1} << 20, '\0');
  while (const auto got = stream->read(chunk.data(), chunk.size())) hash.update(chunk.data(), got);
}

JsonRowsWriter::JsonRowsWriter(const std::filesystem::path& file, JsonLayout layout, Compression compression)
    : out_(file, compression), layout_(layout) {}

void JsonRowsWriter::add(std::string_view object) {
  if (layout_ == JsonLayout::kArray) {
    out_.write(rows_++ == 0 ? "[\n" : ",\n");
    out_.write(object);
    return;
  }
  ++rows_;
  if (object.find_first_of("\r\n") == std::string_view::npos) out_.write(object);
  else out_.write(on_one_line(object));
  out_.write("\n");
}

void JsonRowsWriter::commit() {
  if (layout_ == JsonLayout::kArray) out_.write(rows_ == 0 ? "[\n]\n" : "\n]\n");
  out_.commit();
}

std::string on_one_line(std::string_view object) {
  std::string text;
  text.reserve(object.size());
  bool inside = false;  // of a string
  for (std::size_t at = 0; at < object.size(); ++at) {
    const char c = object[at];
    if (inside) {
      text += c;
      if (c == '\\' && at + 1 < object.size()) text += object[++at];
      else if (c == '"') inside = false;
      continue;
    }
    if (c == '\n' || c == '\r') {
      while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
      while (at + 1 < object.size() && std::string_view(" \t\r\n").find(object[at + 1]) != std::string_view::npos) ++at;
      if (text.ends_with(',')) text += ' ';
      continue;
    }
    inside = c == '"';
    text += c;
  }
  return text;
}

}  // namespace scalselect
