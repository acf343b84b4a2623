#include "core/zip_format.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <optional>
#include <vector>

#include "core/error.h"

namespace scalselect {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::uint16_t kZip64Tag = 1, kVersion = 45, kEncrypted = 1, kStored = 0, kDeflated = 8;
constexpr std::uint16_t kDosDate = (1 << 5) | 1;  // 1 January 1980, so that files do not depend on the clock
constexpr std::uint32_t kFull = 0xffffffff;
constexpr std::int64_t kEndBytes = 22, kLocatorBytes = 20, kEnd64Bytes = 56, kLocalBytes = 30, kCentralBytes = 46;

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what) {
  throw UserError(ErrorKind::kInput, fmt::format("'{}' {}.", file.string(), what), "Write or copy the file again.");
}

template <class T>
T at(std::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

template <class T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

std::string read_bytes(const std::filesystem::path& file, std::int64_t offset, std::int64_t count) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::int64_t>(in.tellg());
  if (!in || offset < 0 || count < 0 || offset > size || count > size - offset) refuse(file, "is cut short or damaged");
  std::string bytes(static_cast<std::size_t>(count), '\0');
  in.seekg(offset);
  in.read(bytes.data(), count);
  if (!in) refuse(file, "is cut short or damaged");
  return bytes;
}

struct DirectoryPlace {
  std::int64_t offset = 0, bytes = 0, members = 0;
};

std::optional<DirectoryPlace> zip64_place(const std::filesystem::path& file, std::int64_t end) {
  if (end < kLocatorBytes) return std::nullopt;
  const auto locator = read_bytes(file, end - kLocatorBytes, kLocatorBytes);
  if (at<std::uint32_t>(locator, 0) != kLocator64) return std::nullopt;
  const auto record = read_bytes(file, at<std::int64_t>(locator, 8), kEnd64Bytes);
  if (at<std::uint32_t>(record, 0) != kEnd64) refuse(file, "has a damaged zip directory");
  return DirectoryPlace{at<std::int64_t>(record, 48), at<std::int64_t>(record, 40), at<std::int64_t>(record, 32)};
}

DirectoryPlace find_directory(const std::filesystem::path& file) {
  std::error_code missing;
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(file, missing));
  if (missing || !std::filesystem::is_regular_file(file)) {
    throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}'.", file.string()), "Check the path.");
  }
  const auto tail_bytes = std::min<std::int64_t>(size, kEndBytes + 65535);
  const auto tail = read_bytes(file, size - tail_bytes, tail_bytes);
  std::string signature;
  put(signature, kEnd);
  const auto found = tail.rfind(signature);
  if (found == std::string::npos || tail.size() - found < kEndBytes) {
    refuse(file, "is not a zip archive (.npz, .bin), or was cut short (its zip directory is missing)");
  }
  if (const auto place = zip64_place(file, size - tail_bytes + static_cast<std::int64_t>(found))) return *place;
  const std::string_view end = std::string_view(tail).substr(found);
  return {at<std::uint32_t>(end, 16), at<std::uint32_t>(end, 12), at<std::uint16_t>(end, 10)};
}

/// Reads the 64-bit values that replace 32-bit ones of all ones, in the order that the format prescribes.
void apply_zip64(std::string_view extra, ZipMember& member) {
  while (extra.size() >= 4) {
    const auto tag = at<std::uint16_t>(extra, 0);
    const std::size_t bytes = at<std::uint16_t>(extra, 2);
    if (extra.size() < 4 + bytes) return;
    auto values = extra.substr(4, bytes);
    extra.remove_prefix(4 + bytes);
    if (tag != kZip64Tag) continue;
    for (std::int64_t* field : {&member.bytes, &member.packed_bytes, &member.header_offset}) {
      if (*field != kFull || values.size() < 8) continue;
      *field = at<std::int64_t>(values, 0);
      values.remove_prefix(8);
    }
  }
}

std::string zip64_field(const std::vector<std::int64_t>& values) {
  std::string field;
  put(field, kZip64Tag);
  put(field, static_cast<std::uint16_t>(8 * values.size()));
  for (const auto value : values) put(field, value);
  return field;
}

/// The fields that local and central headers share, from "version needed" to "extra length".
std::string shared_fields(const ZipMember& member, std::size_t extra_bytes) {
  std::string bytes;
  put(bytes, kVersion);
  put(bytes, std::uint16_t{0});  // flags
  put(bytes, member.deflated ? kDeflated : kStored);
  put(bytes, std::uint16_t{0});  // time
  put(bytes, kDosDate);
  put(bytes, member.crc);
  put(bytes, kFull);
  put(bytes, kFull);
  put(bytes, static_cast<std::uint16_t>(member.name.size()));
  put(bytes, static_cast<std::uint16_t>(extra_bytes));
  return bytes;
}

}  // namespace

std::vector<ZipMember> read_zip_directory(const std::filesystem::path& file) {
  const auto place = find_directory(file);
  const auto directory = read_bytes(file, place.offset, place.bytes);
  std::string_view rest = directory;
  std::vector<ZipMember> members;
  for (std::int64_t i = 0; i < place.members; ++i) {
    if (rest.size() < kCentralBytes || at<std::uint32_t>(rest, 0) != kCentral)
      refuse(file, "has a damaged zip directory");
    const std::size_t name = at<std::uint16_t>(rest, 28), extra = at<std::uint16_t>(rest, 30),
                      comment = at<std::uint16_t>(rest, 32);
    if (rest.size() < kCentralBytes + name + extra + comment) refuse(file, "has a damaged zip directory");
    ZipMember member;
    member.name = rest.substr(kCentralBytes, name);
    const auto method = at<std::uint16_t>(rest, 10);
    if ((at<std::uint16_t>(rest, 8) & kEncrypted) != 0) refuse(file, "is encrypted");
    if (method != kStored && method != kDeflated) refuse(file, fmt::format("uses the unknown compression {}", method));
    member.deflated = method == kDeflated;
    member.crc = at<std::uint32_t>(rest, 16);
    member.packed_bytes = at<std::uint32_t>(rest, 20);
    member.bytes = at<std::uint32_t>(rest, 24);
    member.header_offset = at<std::uint32_t>(rest, 42);
    apply_zip64(rest.substr(kCentralBytes + name, extra), member);
    members.push_back(std::move(member));
    rest.remove_prefix(kCentralBytes + name + extra + comment);
  }
  return members;
}

std::int64_t zip_data_offset(const std::filesystem::path& file, const ZipMember& member) {
  const auto header = read_bytes(file, member.header_offset, kLocalBytes);
  if (at<std::uint32_t>(header, 0) != kLocal) refuse(file, fmt::format("is damaged at its member '{}'", member.name));
  const auto offset =
      member.header_offset + kLocalBytes + at<std::uint16_t>(header, 26) + at<std::uint16_t>(header, 28);
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(file));
  if (offset > size || member.packed_bytes < 0 || member.packed_bytes > size - offset) {
    refuse(file, fmt::format("is cut short in its member '{}'", member.name));
  }
  return offset;
}

void inflate_zip_member(std::string_view packed, const ZipMember& member, std::int64_t limit, const std::string& where,
                        const std::function<void(const char* bytes, std::size_t count)>& sink) {
  constexpr std::size_t kChunk = 1 << 20;
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  std::vector<char> chunk(kChunk);
  uLong crc = 0;
  std::int64_t unpacked = 0;
  int state = Z_OK;
  const bool all = limit >= member.bytes;  // then the end of the stream must be seen
  while (state != Z_STREAM_END && (all ? unpacked <= member.bytes : unpacked < limit)) {
    if (stream.avail_in == 0 && !packed.empty()) {
      stream.avail_in = static_cast<uInt>(std::min<std::size_t>(packed.size(), kChunk));
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
      packed.remove_prefix(stream.avail_in);
    }
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = kChunk;
    state = inflate(&stream, Z_NO_FLUSH);
    const std::size_t got = kChunk - stream.avail_out;
    if (state != Z_OK && state != Z_STREAM_END) break;
    crc = crc32(crc, reinterpret_cast<const Bytef*>(chunk.data()), static_cast<uInt>(got));
    unpacked += static_cast<std::int64_t>(got);
    sink(chunk.data(), got);
  }
  inflateEnd(&stream);
  if (!all && unpacked >= limit) return;
  if (state != Z_STREAM_END || unpacked != member.bytes || crc != member.crc) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("{} is damaged: its compressed data or its checksum is wrong.", where),
                    "Write or copy the file again.");
  }
}

std::string zip_local_header(const ZipMember& member) {
  const auto extra = zip64_field({member.bytes, member.packed_bytes});
  std::string bytes;
  put(bytes, kLocal);
  return bytes + shared_fields(member, extra.size()) + member.name + extra;
}

std::string zip_directory(const std::vector<ZipMember>& members, std::int64_t offset) {
  std::string bytes;
  for (const auto& member : members) {
    const auto extra = zip64_field({member.bytes, member.packed_bytes, member.header_offset});
    put(bytes, kCentral);
    put(bytes, kVersion);
    bytes += shared_fields(member, extra.size());
    bytes += std::string(10, '\0');  // comment length, disk, attributes (internal, external)
    put(bytes, kFull);
    bytes += member.name + extra;
  }
  const auto size = static_cast<std::int64_t>(bytes.size());
  const auto count = static_cast<std::int64_t>(members.size());
  put(bytes, kEnd64);
  put(bytes, kEnd64Bytes - 12);
  put(bytes, kVersion);
  put(bytes, kVersion);
  put(bytes, std::uint64_t{0});  // disk numbers
  for (const std::int64_t value : {count, count, size, offset}) put(bytes, value);
  put(bytes, kLocator64);
  put(bytes, std::uint32_t{0});
  put(bytes, offset + size);
  put(bytes, std::uint32_t{1});
  put(bytes, kEnd);
  put(bytes, std::uint32_t{0});
  const auto short_count = static_cast<std::uint16_t>(std::min<std::int64_t>(count, 0xffff));
  put(bytes, short_count);
  put(bytes, short_count);
  put(bytes, kFull);
  put(bytes, kFull);
  put(bytes, std::uint16_t{0});
  return bytes;
}

}  // namespace scalselect
