// Tar archives, read in place: ustar with GNU's and POSIX's (pax) long names and sizes. libarchive does not say where a
// member's bytes begin, and pictures are read there again and again, so the headers are read here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/files.h"

namespace scalselect {

/// Why an archive cannot be read on; what() goes on after the file's name: "is cut in the middle of 'a.jpg'".
class DamagedTar : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct TarMember {
  std::string name;
  std::uint64_t begin = 0;  ///< of its first header, in bytes from the archive's beginning
  std::uint64_t data = 0;   ///< of its bytes
  std::uint64_t size = 0;
  bool regular = false;  ///< a file, not a folder or a link
  bool link = false;     ///< hard or symbolic: its bytes are elsewhere

  std::uint64_t end() const { return data + (size + 511) / 512 * 512; }
};

/// Whether a file that begins with `head` (at least 512 bytes) is a tar: its first header has the right checksum.
bool is_tar(std::string_view head);

/// Goes from header to header.
class TarReader {
 public:
  /// `offset`: TarMember::begin of the member to begin with. Throws UserError(kInput) if the file cannot be opened.
  explicit TarReader(const std::filesystem::path& file, std::uint64_t offset = 0);

  /// The next member; false at the end. Throws DamagedTar.
  bool next(TarMember& member);
  /// Whether the archive ended without its end mark (two blocks of zeros): it may have been cut between two members.
  bool lacks_end_mark() const { return lacks_end_mark_; }
  /// Once `next` has found the end mark: where bytes other than zeros follow it, such as another archive. They are not
  /// read, by this reader as by Python's tarfile.
  std::optional<std::uint64_t> bytes_after_end() const;
  /// The bytes of a member. Throws DamagedTar.
  std::string read(const TarMember& member) const;

 private:
  std::size_t read_at(std::uint64_t offset, char* to, std::size_t size) const;

  Descriptor handle_;
  std::filesystem::path file_;
  std::uint64_t at_, size_ = 0;
  bool lacks_end_mark_ = false;
};

/// Writes a tar (ustar; owner 0, time 0: the same bytes for the same members).
class TarWriter {
 public:
  explicit TarWriter(const std::filesystem::path& file) : out_(file) {}
  /// Throw UserError(kEnvironment). `name`: at most 100 bytes.
  void add(const std::string& name, std::string_view bytes);
  /// Members as they stand in another archive: whole blocks.
  void copy(const std::filesystem::path& from, std::uint64_t begin, std::uint64_t end);
  void commit();

 private:
  FileWriter out_;
};

}  // namespace scalselect
