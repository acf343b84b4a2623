// A file mapped into memory, read-only: it costs its pages only when they are touched.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "core/files.h"

namespace scalselect {

/// A regular file or a pipe, open for reading; a pipe is not waited for. Throws UserError(kInput), naming the file.
Descriptor open_to_read(const std::filesystem::path& file);

class MappedFile {
 public:
  /// Throws UserError(kInput), naming the file, if it cannot be read or is not a regular file, and
  /// UserError(kEnvironment) if it cannot be mapped.
  explicit MappedFile(const std::filesystem::path& file);
  /// An open regular file; `name`: for messages.
  MappedFile(const Descriptor& handle, std::filesystem::path name);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Valid as long as this object lives.
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }
  /// Releases the whole pages of `part`, a part of bytes(); if touched again they are read again.
  void release(std::string_view part) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace scalselect
