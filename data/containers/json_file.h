// A JSON array or JSON lines of objects, as such or compressed (.gz, .zst).
#pragma once

#include <mutex>
#include <vector>

#include "core/hash.h"
#include "data/byte_stream.h"
#include "data/containers/container.h"
#include "data/json_scan.h"

namespace scalselect {

class JsonFile : public Container {
 public:
  /// The first character decides: '[' means an array, '{' one object a line. Throws UserError(kInput) for anything
  /// else.
  explicit JsonFile(const std::filesystem::path& file);
  explicit JsonFile(FileBytes bytes);

  const std::filesystem::path& file() const override { return bytes_.file(); }
  std::unique_ptr<RowCursor> rows(std::int64_t first) const override;
  void write_subset(std::span<const std::int64_t> rows, const std::filesystem::path& out) const override;

  JsonLayout layout() const { return layout_; }
  Compression compression() const { return bytes_.compression(); }
  bool is_pipe() const { return bytes_.is_pipe(); }
  /// Adds the file's bytes as stored.
  void hash(Sha256& hash) const;

 private:
  class Cursor;
  static constexpr std::int64_t kStride = 1024;  // rows from one remembered place to the next

  /// Where row number `index` * kStride begins, if the first pass has come there.
  void remember(std::int64_t row, const JsonPlace& place) const;
  /// The last remembered row in (after, upto]; -1: none.
  std::int64_t remembered(std::int64_t after, std::int64_t upto, JsonPlace& place) const;

  FileBytes bytes_;
  JsonLayout layout_ = JsonLayout::kArray;
  mutable std::mutex mutex_;
  mutable std::vector<JsonPlace> index_;  ///< of rows 0, kStride, 2 * kStride, ...; empty if compressed
};

/// Rows as text: an array, or one object a line, byte for byte (in lines an object that stands on several is drawn
/// together, without a change inside of its strings).
class JsonRowsWriter {
 public:
  JsonRowsWriter(const std::filesystem::path& file, JsonLayout layout, Compression compression);
  /// Throw UserError(kEnvironment).
  void add(std::string_view object);
  void commit();

 private:
  CompressedWriter out_;
  JsonLayout layout_;
  std::int64_t rows_ = 0;
};

/// The object without line breaks: blanks around them go, text inside of strings stays.
std::string on_one_line(std::string_view object);

}  // namespace scalselect
