// What names a picture everywhere in the program: the path of a file, or a reference to bytes inside a container.
//
//   /data/coco/1.jpg                         a file
//   tar:OFFSET:SIZE:/data/shard-000.tar      bytes of a file (an uncompressed member of a tar)
//   parquet:ROW:COLUMN:INDEX:/data/p.parquet picture INDEX of a row's column
//
// References are text, so they pass through samples, caches and worker processes like paths. A new kind is a line in
// the table of picture_ref.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "data/picture_budget.h"

namespace scalselect {

/// Whether `name` refers to a picture inside a container.
bool is_picture_reference(std::string_view name);

/// The file on disk that holds the picture: `name` itself, or the container's.
std::string picture_file(std::string_view name);

/// Whether there is such a file (for a reference, such a container). Throws UserError(kEnvironment) if that cannot be
/// told.
bool picture_exists(const std::string& name);

/// The picture's bytes as stored. Throws UserError(kInput) if there is no such file, it holds more than `limit` bytes
/// (by default what no picture that is decoded may have), or the container does not hold the picture;
/// UserError(kEnvironment) where the file may be intact: no permission, too many open files, a failing disk.
std::string read_picture(const std::string& name, std::int64_t limit = kPictureBytes);

/// The reference to `size` bytes at `offset` of a file.
std::string tar_picture(std::uint64_t offset, std::uint64_t size, const std::filesystem::path& file);

/// "jpg", "png", "webp", "gif" or "bmp" by the first bytes of a picture; "bin" for others.
const char* picture_extension(std::string_view bytes);

}  // namespace scalselect
