// Files as streams of bytes; gzip and Zstandard are recognised by their first bytes and decompressed on the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/files.h"

namespace scalselect {

enum class Compression { kNone, kGzip, kZstd };

/// Thrown where compressed data are cut or damaged; what() goes on after the file's name: "has gzip data that ...".
class DamagedStream : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Up to `size` bytes (at least 1); 0 only at the end. Throws DamagedStream, and UserError if the disk fails or
  /// decompressing would take too much memory.
  virtual std::size_t read(char* to, std::size_t size) = 0;
};

/// A file that is read several times. A pipe, which can be read once, is copied to a temporary file first.
class FileBytes {
 public:
  /// Throws UserError(kInput) as read_file does.
  explicit FileBytes(std::filesystem::path file);

  const std::filesystem::path& file() const { return file_; }
  bool is_pipe() const { return static_cast<bool>(copy_); }
  Compression compression() const { return compression_; }
  /// The first bytes as stored, at most kHead.
  const std::string& head() const { return head_; }
  static constexpr std::size_t kHead = 512;

  /// The content, decompressed. `offset`: where to begin; 0 of a compressed file.
  std::unique_ptr<ByteStream> open(std::uint64_t offset = 0) const;
  /// The bytes as stored.
  std::unique_ptr<ByteStream> open_stored(std::uint64_t offset = 0) const;

 private:
  std::filesystem::path file_;
  Descriptor copy_;  ///< of a pipe's content
  Compression compression_ = Compression::kNone;
  std::string head_;
};

/// Writes a file atomically (FileWriter), compressed on the way if asked.
class CompressedWriter {
 public:
  CompressedWriter(const std::filesystem::path& file, Compression compression);
  ~CompressedWriter();
  /// Throw UserError(kEnvironment).
  void write(std::string_view bytes);
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scalselect
