// WebDataset shards: tar archives whose samples are groups of members with the same stem (the name up to the first dot
// of its last part), one group after the other.
//
//   000.json  a row, whose list of messages may be called "texts", too; or only such a list
//   000.jpg   the picture (.jpg .jpeg .png .webp .gif .bmp); of several (000.0.jpg, 000.1.jpg) the JSON's list "image",
//             "images" or "name" gives the order, else the numbers in their names, else their order
//   000.txt   without a conversation in the JSON: the answer to the picture alone, as in caption data
//
// Members of other kinds are left alone. Pictures are read in place (tar:OFFSET:SIZE:PATH, data/picture_ref.h). A
// sample without an id is called by its stem, as `__key__`.
#pragma once

#include <string_view>

#include "data/containers/container.h"
#include "data/containers/tar.h"

namespace scalselect {

/// A shard that can also hand its samples, as they are, to another archive.
class TarContainer : public Container {
 public:
  /// Copies the members of the given rows (ascending).
  virtual void copy(std::span<const std::int64_t> rows, TarWriter& out) const = 0;
};

std::unique_ptr<Container> open_webdataset(const std::filesystem::path& file);

}  // namespace scalselect
