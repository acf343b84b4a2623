// Whole files, written so that a crash or a full disk never leaves a half-written one under its name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace scalselect {

/// Size limits of files that are read whole: a checkpoint's configuration, most files, pools and answers.
inline constexpr std::uintmax_t kConfigBytes = std::uintmax_t{64} << 20;
inline constexpr std::uintmax_t kReadBytes = std::uintmax_t{1} << 30;
inline constexpr std::uintmax_t kDataBytes = std::uintmax_t{64} << 30;

/// All bytes of a regular file or a pipe. Throws UserError(kInput), naming the file, if it cannot be read, is a folder
/// or a device (/dev/zero never ends), or holds more than `limit` bytes.
std::string read_file(const std::filesystem::path& file, std::uintmax_t limit = kReadBytes);

/// A file descriptor, closed by its owner; -1: none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int handle) : handle_(handle) {}
  Descriptor(Descriptor&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Descriptor();

  int get() const { return handle_; }
  explicit operator bool() const { return handle_ >= 0; }
  int release() { return std::exchange(handle_, -1); }

 private:
  int handle_ = -1;
};

/// A file without a name in TMPDIR (else /tmp), gone when closed. Throws UserError(kEnvironment).
Descriptor unnamed_file();

/// Writes all of `bytes`. Throws UserError(kEnvironment) that names `file`.
void write_all(const Descriptor& handle, std::string_view bytes, const std::filesystem::path& file);

/// Whether a file must survive a power cut; in a cache whose reader notices a lost file it need not.
enum class Durability { kSynced, kNone };

/// Writes a file: bytes go to a temporary file beside it, which `commit` puts in its place (fsync, rename, fsync of
/// the folder). A link is followed. A pipe, a device or an open descriptor (/dev/stdout, /dev/fd/63) gets the bytes in
/// `commit`. Without `commit` nothing is left. Creates parent folders. Everything throws UserError(kEnvironment) on a
/// full disk or a place that cannot be written.
class FileWriter {
 public:
  explicit FileWriter(const std::filesystem::path& file);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(std::string_view bytes);
  /// Replaces bytes that were written before.
  void rewrite(std::uint64_t offset, std::string_view bytes);
  std::uint64_t size() const { return size_; }
  void commit(Durability durability = Durability::kSynced);

 private:
  friend void write_file_with(const std::filesystem::path& file,
                              const std::function<void(const std::filesystem::path& temporary)>& make);
  std::filesystem::path file_, target_, temporary_;  ///< as given; with links resolved; empty: an unnamed file
  Descriptor handle_;
  std::uint64_t size_ = 0;
};

/// FileWriter in one call.
void write_file_atomically(const std::filesystem::path& file, std::string_view bytes,
                           Durability durability = Durability::kSynced);

/// For a tool that writes a file by itself: `make` has it write `temporary` (an empty file with the extension of
/// `file`), which is then put in place. An empty result is an error: tools tend to overlook a full disk.
void write_file_with(const std::filesystem::path& file,
                     const std::function<void(const std::filesystem::path& temporary)>& make);

/// A file that is appended to, and that keeps what a killed writer had written.
class AppendFile {
 public:
  AppendFile() = default;
  /// Opens or creates it (and its parent folders) and truncates it to `keep` bytes. Throws UserError(kEnvironment),
  /// as the calls below do.
  AppendFile(const std::filesystem::path& file, std::uintmax_t keep);

  bool is_open() const { return static_cast<bool>(handle_); }
  void append(std::string_view bytes);
  void flush();  ///< to the disk

 private:
  std::filesystem::path file_;
  Descriptor handle_;
};

/// Throws UserError(kEnvironment) if `file` could not be written: its folder, or the nearest one that exists, is not a
/// folder or is not writable, or `file` is a folder itself. Writes nothing. For a folder of outputs pass a file in it.
/// To be called before long work.
void require_writable(const std::filesystem::path& file);

/// Creates a folder with its parents. Throws UserError(kEnvironment) if that is impossible.
void ensure_folder(const std::filesystem::path& folder);

}  // namespace scalselect
