#include "data/picture_digest.h"

#include "core/error.h"
#include "core/parallel.h"
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

std::vector<std::string> picture_contents(std::span<const std::string> names, const FileDigests& digests) {
  std::vector<std::string> files, contents(names.size());
  for (const auto& name : names) {
    if (!is_picture_reference(name)) files.push_back(name);
  }
  const auto of_files = digests.sha256_all(files);
  parallel_blocks(std::ssize(names), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      if (!is_picture_reference(names[i])) continue;
      try {
        contents[i] = sha256(read_picture(names[i]));
      } catch (const UserError&) {
        contents[i] = "unreadable";
      }
    }
  });
  std::size_t next = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!is_picture_reference(names[i])) contents[i] = of_files[next++];
  }
  return contents;
}

std::string digest_files(std::span<const std::string> files, const FileDigests& digests) {
  FilesDigest digest(digests);
  for (const auto& file : files) digest.add(file);
  return digest.finish();
}

}  // namespace scalselect
