#include "data/picture_digest.h"

#include "core/hash.h"

namespace scalselect {

std::string digest_files(std::span<const std::string> files, const FileDigests& digests) {
  Sha256 hash;
  for (const auto& digest : digests.sha256_all(files)) hash.update(digest).update("\n");
  return hash.finish();
}

}  // namespace scalselect
