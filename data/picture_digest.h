// The identity of picture files, and of any others that a result depends on, as a part of cache keys.
#pragma once

#include <span>
#include <string>

#include "core/file_digests.h"

namespace scalselect {

/// SHA-256 over the contents of `files` in their order: neither names nor times count (the list that names them belongs
/// into the key beside it). A file that is missing or cannot be read counts as such. Files that have not changed since
/// their digests were remembered are only looked at, not read.
std::string digest_files(std::span<const std::string> files, const FileDigests& digests);

}  // namespace scalselect
