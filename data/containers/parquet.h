// Pools in Parquet, as Hugging Face's `datasets` and Spark write them.
//
// Arrow reads them. It comes from the `pyarrow` wheel (scripts/setup.sh) and lies in a library of its own,
// libscalselect_parquet.so, which is opened when the first Parquet file is: 49 MB on disk, 8 to 20 ms and 15 MiB of
// memory. DuckDB's C API was weighed against it and costs more (69 MB, 35 to 50 ms, 39 MiB), is in neither Debian nor a
// wheel that links without Python, and cannot write a subset with the schema and the metadata of its source.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/containers/container.h"

namespace scalselect {

/// Whether a file that begins so is Parquet.
bool is_parquet(std::string_view head);

/// The file's rows, one JSON object each: a member per column, in the schema's order.
///   text                        a string; bytes that are not UTF-8 stand there as they are
///   numbers, booleans, null     as Python's json module writes them (NaN, Infinity); decimals as strings
///   lists, structs              arrays, objects; maps as lists of [key, value]
///   dates, times, durations     strings, ISO 8601 where that has a form for it
///   bytes                       base64
///   pictures                    references (data/picture_ref.h), or the path where a picture has no bytes but a path
/// Pictures are columns {bytes, path}, lists of these, and columns of bytes, or lists of them, named `image` or
/// `images` (of the last kind, no list and an empty one are the same). Their bytes are read only when a picture is.
/// Throws UserError(kInput): not Parquet, cut short, encrypted; and UserError(kEnvironment) if this build has no Arrow.
std::unique_ptr<Container> open_parquet(const std::filesystem::path& file);

/// The bytes of picture `parquet:ROW:COLUMN:INDEX:FILE` (COLUMN counts the schema's top-level columns from 0). Pictures
/// asked for in the order of rows cost one pass over their column. Throws UserError(kInput) if there is none, or it has
/// more than `limit` bytes.
std::string read_parquet_picture(const std::string& reference,
                                 std::int64_t limit = std::numeric_limits<std::int64_t>::max());

/// A row that goes into a Parquet file.
struct ParquetRow {
  std::string json;                   ///< one object, as Python's json module writes it
  std::vector<std::string> pictures;  ///< names (data/picture_ref.h) in the row's order
};
/// Hands every row to its argument, in order.
using ParquetRowSource = std::function<void(const std::function<void(const ParquetRow&)>&)>;
/// The bytes of a picture by its name; nothing if it cannot be read: the row then keeps its name alone.
using PictureReader = std::function<std::optional<std::string>(const std::string&)>;

/// Writes rows of any container as a Parquet file that `datasets.load_dataset("parquet")` opens, pictures as its Image
/// feature: in a column `image`, or in lists `images` if a row has several, in place of the members of these names.
/// Every other member of the rows is a column, typed by all values that it has; NaN and infinities are null. Members
/// without one type become text, strings as they are and other values as JSON; their names are returned. Rows are asked
/// for twice, for the types and for the values; a row group of up to 1000 rows or 64 MB is held in memory. Throws
/// UserError(kEnvironment) if the file cannot be written.
std::vector<std::string> write_parquet(const std::filesystem::path& out, const ParquetRowSource& each_row,
                                       const PictureReader& read_picture);

/// Arrow's version, or an empty string without it.
std::string parquet_library();

}  // namespace scalselect
