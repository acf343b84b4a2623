// The identity of picture files, and of other files that a result depends on, for cache keys.
#pragma once

#include <span>
#include <string>

#include "core/file_digests.h"

namespace scalselect {

/// SHA-256 over the contents of `files` in their order: names and times do not matter (the list of names belongs in the
/// key, too). A file that is missing or cannot be read counts as such. Files that have not changed since their digests
/// were remembered are not read again.
std::string digest_files(std::span<const std::string> files, const FileDigests& digests);

}  // namespace scalselect
