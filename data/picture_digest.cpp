#include "data/picture_digest.h"

#include "data/picture_ref.h"

namespace scalselect {
namespace {

constexpr std::size_t kTogether = 1 << 16;  // files that are looked up at a time

}  // namespace

void FilesDigest::add(std::string_view file) {
  waiting_.push_back(picture_file(file));
  if (waiting_.size() == kTogether) flush();
}

void FilesDigest::flush() {
  for (const auto& digest : digests_.sha256_all(waiting_)) hash_.update(digest).update("\n");
  waiting_.clear();
}

std::string FilesDigest::finish() {
  flush();
  return hash_.finish();
}

std::string digest_files(std::span<const std::string> files, const FileDigests& digests) {
  FilesDigest digest(digests);
  for (const auto& file : files) digest.add(file);
  return digest.finish();
}

}  // namespace scalselect
