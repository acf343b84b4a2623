// SHA-256 of files, remembered: a checkpoint of 14 GB or a pool's 100,000 pictures are read for it once, not in every
// run.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace scalselect {

/// Digests kept in a folder with one note per folder of hashed files. A digest is valid while the file's size, inode
/// and its times of modification and of change (which no program can set back) are what they were when it was read.
/// A digest that cannot be stored (full disk, read-only folder) is computed again next time.
class FileDigests {
 public:
  /// `folder` is created when first written to.
  explicit FileDigests(std::filesystem::path folder);

  /// As sha256_file.
  std::string sha256(const std::filesystem::path& file) const;

  /// Of many files, in their order, by all threads; "missing" in place of a digest where there is no such file,
  /// "unreadable" where it cannot be read.
  std::vector<std::string> sha256_all(std::span<const std::string> files) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace scalselect
