// SHA-256 of large files, remembered: a checkpoint of 14 GB is read once for it, not once a run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace scalselect {

/// Digests kept in a folder of small files, one a hashed file. A digest holds as long as the file's size, inode and its
/// times of modification and of change (which no program can set back) are what they were when it was read.
class FileDigests {
 public:
  /// `folder` is created when first written to. Files below `least_bytes` are hashed every time.
  explicit FileDigests(std::filesystem::path folder, std::uintmax_t least_bytes = 64 << 20);

  /// As sha256_file. A digest that cannot be kept (full disk, read-only folder) is only computed again next time.
  std::string sha256(const std::filesystem::path& file) const;

 private:
  std::filesystem::path folder_;
  std::uintmax_t least_bytes_;
};

}  // namespace scalselect
