// What names a picture everywhere in the program: the path of a file, or a reference to bytes inside a container.
//
//   /data/coco/1.jpg                         a file
//   tar:OFFSET:SIZE:/data/shard-000.tar      bytes of a file (an uncompressed member of a tar)
//   parquet:ROW:COLUMN:INDEX:/data/p.parquet picture INDEX of a row's column
//
// References are text, so they pass through samples, caches and worker processes like paths.
#pragma once

#include <string>
#include <string_view>

namespace scalselect {

/// Whether `name` refers to a picture inside a container.
bool is_picture_reference(std::string_view name);

/// The file on disk that holds the picture: `name` itself, or the container's.
std::string picture_file(std::string_view name);

/// The picture's bytes as stored. Throws UserError as read_file, and UserError(kInput) if the container does not hold
/// it.
std::string read_picture(const std::string& name);

}  // namespace scalselect
