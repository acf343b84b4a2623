#include "data/containers/tar.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/check.h"
#include "core/error.h"

namespace scalselect {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kLargestName = 1 << 20;  // bytes of an extended header
constexpr std::uint64_t kLargestSize = std::uint64_t{1} << 60;

/// A field of a header block.
struct Field {
  std::size_t at, size;
};
constexpr Field kName{0, 100}, kSize{124, 12}, kChecksum{148, 8}, kMagic{257, 8}, kPrefix{345, 155};
constexpr std::size_t kType = 156;

using Block = std::array<char, kBlock>;

std::string_view bytes_of(const char* block, Field field) { return {block + field.at, field.size}; }

/// Up to the first zero byte.
std::string text_of(const char* block, Field field) {
  const auto bytes = bytes_of(block, field);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

/// Octal digits with blanks around them, or GNU's base 256 (first bit set); nothing if it is neither.
std::optional<std::uint64_t> number_of(std::string_view bytes) {
  std::uint64_t value = 0;
  if ((static_cast<unsigned char>(bytes[0]) & 0x80) != 0) {
    value = static_cast<unsigned char>(bytes[0]) & 0x7F;
    for (const char c : bytes.substr(1)) {
      if (value >= kLargestSize >> 8) return {};
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  while (!bytes.empty() && bytes.front() == ' ') bytes.remove_prefix(1);
  while (!bytes.empty() && (bytes.back() == ' ' || bytes.back() == '\0')) bytes.remove_suffix(1);
  if (bytes.empty()) return 0;
  const auto [end, code] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), value, 8);
  if (code != std::errc{} || end != bytes.data() + bytes.size()) return {};
  return value;
}

bool checksum_holds(const char* block) {
  const auto stated = number_of(bytes_of(block, kChecksum));
  std::int64_t sum = 0, as_signed = 0;  // some old programs added signed characters
  for (std::size_t i = 0; i < kBlock; ++i) {
    const char c = i >= kChecksum.at && i < kChecksum.at + kChecksum.size ? ' ' : block[i];
    sum += static_cast<unsigned char>(c);
    as_signed += static_cast<signed char>(c);
  }
  return stated && (static_cast<std::int64_t>(*stated) == sum || static_cast<std::int64_t>(*stated) == as_signed);
}

bool is_zero(const char* block) {
  return std::all_of(block, block + kBlock, [](char c) { return c == '\0'; });
}

std::string name_of(const char* block) {
  const auto name = text_of(block, kName);
  const auto prefix =
      bytes_of(block, kMagic).starts_with(std::string_view("ustar\0", 6)) ? text_of(block, kPrefix) : "";
  return prefix.empty() ? name : prefix + "/" + name;
}

/// What extended headers say about the member after them.
struct Extended {
  std::string path;
  std::optional<std::uint64_t> size;
};

/// Records "LENGTH KEY=VALUE\n" of a pax header.
void read_pax(std::string_view records, Extended& extended) {
  while (!records.empty() && records.front() != '\0') {
    std::size_t length = 0;
    const auto [stop, code] = std::from_chars(records.data(), records.data() + records.size(), length);
    const auto digits = static_cast<std::size_t>(stop - records.data());
    if (code != std::errc{} || length > records.size() || length < digits + 3 || records[digits] != ' ') {
      throw DamagedTar("has a damaged extended header");
    }
    const auto record = records.substr(digits + 1, length - digits - 2);  // without the line break
    const auto equals = record.find('=');
    if (equals == std::string_view::npos) throw DamagedTar("has a damaged extended header");
    const auto key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key == "path") extended.path = value;
    if (key == "size") {
      std::uint64_t size = 0;
      const auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), size);
      if (bad != std::errc{} || end != value.data() + value.size() || size > kLargestSize) {
        throw DamagedTar("has a damaged extended header");
      }
      extended.size = size;
    }
    if (key.starts_with("GNU.sparse.")) throw DamagedTar("holds a sparse file, which is not supported");
    records.remove_prefix(length);
  }
}

}  // namespace

bool is_tar(std::string_view head) {
  return head.size() >= kBlock && head[0] != '\0' && checksum_holds(head.data()) &&
         number_of(bytes_of(head.data(), kChecksum)) > 0U;
}

TarReader::TarReader(const std::filesystem::path& file, std::uint64_t offset)
    : handle_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)), file_(file), at_(offset) {
  struct stat info {};
  if (!handle_ || ::fstat(handle_.get(), &info) != 0) {
    throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}': {}.", file.string(), std::strerror(errno)),
                    "Check the path and its permissions.");
  }
  size_ = static_cast<std::uint64_t>(info.st_size);
}

std::size_t TarReader::read_at(std::uint64_t offset, char* to, std::size_t size) const {
  std::size_t filled = 0;
  while (filled < size) {
    const auto got = ::pread(handle_.get(), to + filled, size - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}': {}.", file_.string(), std::strerror(errno)),
                      "Check the disk.");
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

bool TarReader::next(TarMember& member) {
  Block block;
  Extended extended;
  member.begin = at_;
  while (true) {
    const auto got = read_at(at_, block.data(), kBlock);
    if (got == 0 && at_ == member.begin) {
      lacks_end_mark_ = true;
      return false;
    }
    if (got < kBlock) throw DamagedTar("is cut in the middle of a header");
    if (is_zero(block.data())) {
      if (at_ != member.begin) throw DamagedTar("ends after an extended header");
      return false;
    }
    if (!checksum_holds(block.data())) {
      throw DamagedTar(fmt::format("has a header with a wrong checksum at byte {}", at_));
    }
    const auto stated = number_of(bytes_of(block.data(), kSize));
    if (!stated || *stated > kLargestSize) throw DamagedTar(fmt::format("has a header without a size at byte {}", at_));
    const char type = block[kType];
    member.data = at_ + kBlock;
    member.size = *stated;
    const bool about_next = type == 'x' || type == 'g' || type == 'L' || type == 'K';
    if (about_next) {
      if (member.size > kLargestName) throw DamagedTar("has a damaged extended header");
      const auto text = read(member);
      if (type == 'x') read_pax(text, extended);
      if (type == 'L') extended.path = text.substr(0, text.find('\0'));
      at_ = member.end();
      continue;
    }
    if (type == 'S') throw DamagedTar("holds a sparse file, which is not supported");
    member.regular = type == '0' || type == '\0' || type == '7';
    member.link = type == '1' || type == '2';
    if (extended.size) member.size = *extended.size;
    if (member.link || type == '5') member.size = 0;  // links and folders have no bytes of their own
    member.name = extended.path.empty() ? name_of(block.data()) : extended.path;
    if (member.data + member.size > size_) {
      throw DamagedTar(fmt::format("is cut in the middle of its member '{}'", member.name));
    }
    at_ = member.end();
    return true;
  }
}

std::optional<std::uint64_t> TarReader::bytes_after_end() const {
  std::string part(1 << 20, '\0');
  for (auto at = at_;;) {
    const auto got = read_at(at, part.data(), part.size());
    const auto found = std::string_view(part.data(), got).find_first_not_of('\0');
    if (found != std::string_view::npos) return at + found;
    if (got < part.size()) return std::nullopt;
    at += got;
  }
}

std::string TarReader::read(const TarMember& member) const {
  if (member.data > size_ || member.size > size_ - member.data) {
    throw DamagedTar("is cut in the middle of a member");
  }
  std::string bytes(member.size, '\0');
  if (read_at(member.data, bytes.data(), bytes.size()) < bytes.size()) throw DamagedTar("was cut while it was read");
  return bytes;
}

void TarWriter::add(const std::string& name, std::string_view bytes) {
  SCALSELECT_CHECK(name.size() <= kName.size);
  Block block{};
  const auto put = [&](std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), block.data() + at);
  };
  put(kName.at, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(kSize.at, fmt::format("{:011o}", bytes.size()));
  put(136, "00000000000");
  put(kChecksum.at, "        ");
  block[kType] = '0';
  put(kMagic.at, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(kChecksum.at, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  out_.write({block.data(), kBlock});
  out_.write(bytes);
  out_.write(std::string((kBlock - bytes.size() % kBlock) % kBlock, '\0'));
}

void TarWriter::copy(const std::filesystem::path& from, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t kChunk = 1 << 20;
  const Descriptor handle(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  std::string chunk(std::min(kChunk, end - begin), '\0');
  while (begin < end) {
    const auto got = ::pread(handle.get(), chunk.data(), std::min<std::uint64_t>(chunk.size(), end - begin),
                             static_cast<off_t>(begin));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}': {}.", from.string(), std::strerror(errno)),
                      "Check the disk.");
    }
    if (got == 0) break;
    out_.write({chunk.data(), static_cast<std::size_t>(got)});
    begin += static_cast<std::uint64_t>(got);
  }
  out_.write(std::string((kBlock - out_.size() % kBlock) % kBlock, '\0'));  // the last member's padding may be missing
}

void TarWriter::commit() {
  out_.write(std::string(2 * kBlock, '\0'));
  out_.commit();
}

}  // namespace scalselect
