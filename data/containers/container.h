// Where the rows of a pool are kept: one file in any container (JSON, JSON lines, tar, Parquet), read in place and in
// order. A pool (data/pool.h) is one or more of these; nothing else looks inside. A new container is a class of its own
// and a line in data/containers/open.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace scalselect {

/// One row as its container holds it.
struct RawRow {
  /// The row as one JSON object: its bytes as written where the container is text, else made of its columns or
  /// members. Pictures that are kept in the container are references (data/picture_ref.h) in place of paths.
  std::string json;
  std::string place;  ///< where it stands, for messages: "line 12", "member 000012.json"; empty: its number says it
  std::string unreadable;  ///< why it cannot be read; `json` is empty then. Empty: it can
};

/// Reads rows one after another; use one per thread.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  /// The next row; false after the last. Throws UserError(kInput), naming the file and the last whole row, where the
  /// rest cannot be read.
  virtual bool next(RawRow& row) = 0;
  /// Passes over as many rows and returns how many there were: fewer only at the end. Throws as next.
  virtual std::int64_t skip(std::int64_t rows) {
    RawRow passed;
    std::int64_t done = 0;
    while (done < rows && next(passed)) ++done;
    return done;
  }
};

/// One file of rows. Memory does not grow with the number of rows.
class Container {
 public:
  virtual ~Container() = default;
  virtual const std::filesystem::path& file() const = 0;
  /// A cursor at row `first` (0-based in this file). The container must outlive it.
  virtual std::unique_ptr<RowCursor> rows(std::int64_t first) const = 0;
  /// Writes the given rows (ascending) to `out` in this container's own format, each untouched, with the pictures that
  /// it holds. Throws UserError(kEnvironment) if that is impossible.
  virtual void write_subset(std::span<const std::int64_t> rows, const std::filesystem::path& out) const = 0;
};

}  // namespace scalselect
