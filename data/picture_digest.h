// The identity of picture files, and of other files that a result depends on, for cache keys.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/file_digests.h"
#include "core/hash.h"

namespace scalselect {

/// SHA-256 over the contents of files in their order: names and times do not matter (the list of names belongs in the
/// key, too). A file that is missing or cannot be read counts as such; of a picture inside a container the container
/// counts. Files that have not changed since their digests were remembered are not read again.
class FilesDigest {
 public:
  explicit FilesDigest(const FileDigests& digests) : digests_(digests) {}
  void add(std::string_view file);
  std::string finish();

 private:
  void flush();

  const FileDigests& digests_;
  Sha256 hash_;
  std::vector<std::string> waiting_;
};

/// SHA-256 of each picture's own bytes, also of those inside a container; "missing" or "unreadable" where there are
/// none.
std::vector<std::string> picture_contents(std::span<const std::string> names, const FileDigests& digests);

std::string digest_files(std::span<const std::string> files, const FileDigests& digests);

}  // namespace scalselect
