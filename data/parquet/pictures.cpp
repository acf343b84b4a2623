#include "data/parquet/pictures.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/parquet/column_walk.h"
#include "data/parquet/file.h"

namespace scalselect::pq {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kOpenColumns = 16;         ///< in the process
constexpr std::size_t kWalks = 4;                ///< a column: threads may work in several places of one file
constexpr std::int64_t kRowsKept = 16;           ///< a walk: threads do not ask in exact order
constexpr std::int64_t kMemoryKept = 256 << 20;  ///< a column, besides the two places used last
constexpr std::size_t kBytesKept = 16 << 20;     ///< a walk, if its last row alone has not more

struct RowPictures {
  std::int64_t row = 0;
  std::vector<std::optional<std::string>> pictures;
};

/// A place in a row group, and the rows last read there.
class Place {
 public:
  Place(const ParquetFile& file, const PictureColumn& column, int group)
      : group_(group),
        first_(file.first_row(group)),
        end_(file.first_row(group + 1)),
        walk_(std::in_place, file, column, group) {}

  std::int64_t memory() const { return walk_ ? walk_->memory() : 0; }

  /// The distance to `row` of the file; nothing if one had to go back.
  std::optional<std::int64_t> distance(std::int64_t row, int group) const {
    if (group != group_) return std::nullopt;
    if (find(row) != nullptr) return 0;
    if (!walk_ || row - first_ < walk_->row()) return std::nullopt;
    return row - first_ - walk_->row() + 1;
  }

  const RowPictures& read(std::int64_t row) {
    if (const auto* known = find(row)) return *known;
    const auto wanted = row - first_;
    walk_->read_to(
        wanted, std::max(walk_->row(), wanted - kRowsKept + 1),
        [&](std::int64_t at, std::int64_t, std::optional<std::string_view> bytes) { keep(first_ + at, bytes); });
    if (row + 1 == end_) walk_.reset();  // nothing is left to read; a page may be large
    if (rows_.empty() || rows_.back().row != row) rows_.push_back({row, {}});  // it has no pictures
    return rows_.back();
  }

 private:
  const RowPictures* find(std::int64_t row) const {
    const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const auto& known) { return known.row == row; });
    return found == rows_.end() ? nullptr : &*found;
  }

  void keep(std::int64_t row, std::optional<std::string_view> bytes) {
    if (rows_.empty() || rows_.back().row != row) rows_.push_back({row, {}});
    rows_.back().pictures.emplace_back(bytes ? std::optional<std::string>(*bytes) : std::nullopt);
    kept_ += bytes ? bytes->size() : 0;
    while (rows_.size() > 1 && (kept_ > kBytesKept || static_cast<std::int64_t>(rows_.size()) > kRowsKept)) {
      for (const auto& picture : rows_.front().pictures) kept_ -= picture ? picture->size() : 0;
      rows_.pop_front();
    }
  }

  int group_;
  std::int64_t first_, end_;
  std::optional<ColumnWalk> walk_;
  std::deque<RowPictures> rows_;
  std::size_t kept_ = 0;  ///< bytes
};

/// One file and one column of it. Threads take turns: decoding a picture takes far longer than reading it.
class OpenColumn {
 public:
  OpenColumn(const fs::path& file, int column) : file_(file), column_(file_.picture(column)) {
    if (column_ == nullptr) {
      throw UserError(ErrorKind::kInput, fmt::format("Column {} of '{}' holds no pictures.", column, file.string()));
    }
  }

  std::string read(std::int64_t row, std::int64_t index) {
    const std::lock_guard lock(mutex_);
    if (row >= file_.rows()) fail(fmt::format("has {} rows, and no row {}", file_.rows(), row));
    const auto& pictures = place_of(row).read(row).pictures;
    if (index >= static_cast<std::int64_t>(pictures.size())) {
      fail(fmt::format("has {} pictures in row {}, and no picture {}", pictures.size(), row, index));
    }
    const auto& bytes = pictures[static_cast<std::size_t>(index)];
    if (!bytes) fail(fmt::format("has no bytes for picture {} of row {}", index, row));
    return *bytes;
  }

  /// After a failure nothing of what is open can be relied upon.
  void forget() {
    const std::lock_guard lock(mutex_);
    places_.clear();
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' {}.", file_.file().string(), what));
  }

  /// The nearest one before `row`; the one used last stands first.
  Place& place_of(std::int64_t row) {
    const int group = file_.group_of(row);
    auto best = places_.end();
    for (auto place = places_.begin(); place != places_.end(); ++place) {
      const auto distance = (*place)->distance(row, group);
      if (distance && (best == places_.end() || *distance < *(*best)->distance(row, group))) best = place;
    }
    if (best == places_.end()) {
      if (places_.size() == kWalks) places_.pop_back();
      best = places_.insert(places_.begin(), std::make_unique<Place>(file_, *column_, group));
    }
    std::rotate(places_.begin(), best, best + 1);
    std::int64_t held = 0;
    for (std::size_t i = 2; i < places_.size(); ++i) held += places_[i]->memory();  // two: threads pass a boundary
    while (held > kMemoryKept) {
      held -= places_.back()->memory();
      places_.pop_back();
    }
    return *places_.front();
  }

  ParquetFile file_;
  const PictureColumn* column_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Place>> places_;
};

/// What names an open column: a file that is written again is another one.
struct Key {
  std::string file;
  int column = 0;
  std::int64_t size = 0, seconds = 0, nanoseconds = 0;

  Key(const fs::path& path, int number) : file(path.string()), column(number) {
    struct stat facts {};
    if (::stat(file.c_str(), &facts) != 0) return;
    size = facts.st_size;
    seconds = facts.st_mtim.tv_sec;
    nanoseconds = facts.st_mtim.tv_nsec;
  }
  bool operator==(const Key&) const = default;
};

std::shared_ptr<OpenColumn> open_column(const fs::path& file, int column) {
  static std::mutex mutex;
  static auto& open = *new std::vector<std::pair<Key, std::shared_ptr<OpenColumn>>>();  // outlives Arrow's own statics
  const Key key(file, column);
  const std::lock_guard lock(mutex);
  auto found = std::find_if(open.begin(), open.end(), [&](const auto& entry) { return entry.first == key; });
  if (found == open.end()) {
    if (open.size() == kOpenColumns) open.pop_back();
    found = open.insert(open.begin(), {key, std::make_shared<OpenColumn>(file, column)});
  }
  std::rotate(open.begin(), found, found + 1);
  return open.front().second;
}

}  // namespace

std::string read_picture(std::int64_t row, int column, std::int64_t index, const fs::path& file) {
  const auto source = open_column(file, column);
  try {
    return source->read(row, index);
  } catch (const UserError&) {
    throw;
  } catch (const std::exception& error) {
    source->forget();
    throw UserError(
        ErrorKind::kInput,
        fmt::format("Picture {} of row {} in '{}' cannot be read: {}.", index, row, file.string(), reason(error)),
        "Download or write the file again, or leave the row out.");
  }
}

}  // namespace scalselect::pq
