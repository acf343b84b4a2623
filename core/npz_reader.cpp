#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>

#include "core/check.h"
#include "core/crc32.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/npy_format.h"
#include "core/npz.h"
#include "core/target_clones.h"
#include "core/utf8.h"
#include "core/zip_format.h"

namespace scalselect {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& what, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, fmt::format("{} {}.", where, what), remedy);
}

[[noreturn]] void wrong_checksum(const std::string& where) {
  refuse(where, "is damaged: its checksum is wrong", "Write or copy the file again.");
}

/// The checksum of an array's bytes, as far as they were read in order from the first one on.
class RunningChecksum {
 public:
  RunningChecksum(std::uint32_t expected, std::string where) : expected_(expected), where_(std::move(where)) {}
  /// `bytes` stand at `begin`. Throws UserError(kInput) after the last of `all` bytes, if their checksum is another.
  void add(std::int64_t begin, std::string_view bytes, std::int64_t all) {
    const std::lock_guard lock(mutex_);
    if (begin != next_) return;
    crc_ = crc32_of(bytes, crc_);
    next_ += static_cast<std::int64_t>(bytes.size());
    if (next_ == all && crc_ != expected_) wrong_checksum(where_);
  }

 private:
  std::mutex mutex_;
  std::uint32_t expected_, crc_ = 0;
  std::int64_t next_ = 0;
  std::string where_;
};

SCALSELECT_CLONES void narrow(const double* from, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(from[i]);
}

/// Float rows of any precision in a file. They are read, not mapped: what is mapped counts as the process's memory, and
/// each page costs a fault. A checksum is compared by whoever reads all rows in order.
class FileRows final : public RowSource {
 public:
  /// `member`: of the file, from its byte `offset` on.
  FileRows(std::shared_ptr<const Descriptor> handle, std::int64_t offset, std::string_view member, std::string where,
           const NpyArray& array, std::unique_ptr<RunningChecksum> checksum)
      : handle_(std::move(handle)),
        offset_(offset),
        bytes_(static_cast<std::int64_t>(member.size())),
        where_(std::move(where)),
        array_(array),
        checksum_(std::move(checksum)) {
    if (checksum_) checksum_->add(0, member.substr(0, static_cast<std::size_t>(array.header_bytes)), bytes_);
  }
  std::int64_t rows() const override { return array_.shape[0]; }
  std::int64_t cols() const override { return array_.shape[1]; }
  void read(std::int64_t first, std::int64_t count, float* out) const override {
    SCALSELECT_CHECK(first >= 0 && first + count <= rows());
    const auto begin = array_.header_bytes + first * cols() * array_.item_bytes;
    switch (array_.type) {
      case NpyType::kFloat32: copy(begin, reinterpret_cast<char*>(out), count * cols() * 4); break;
      case NpyType::kFloat64: convert<double>(begin, count * cols(), out, narrow); break;
      default:
        convert<std::uint16_t>(begin, count * cols(), out,
                               [](const std::uint16_t* halves, std::size_t values, float* floats) {
                                 halves_to_floats({halves, values}, floats);
                               });
    }
  }

 private:
  template <class T, class Convert>
  void convert(std::int64_t begin, std::int64_t values, float* out, Convert make) const {
    std::vector<T> piece(static_cast<std::size_t>(std::min<std::int64_t>(values, 1 << 16)));  // stays in the cache
    while (values > 0) {
      const auto count = std::min(values, static_cast<std::int64_t>(piece.size()));
      const auto bytes = count * static_cast<std::int64_t>(sizeof(T));
      copy(begin, reinterpret_cast<char*>(piece.data()), bytes);
      make(piece.data(), static_cast<std::size_t>(count), out);
      begin += bytes;
      out += count;
      values -= count;
    }
  }

  /// Bytes of the member from `begin` on.
  void copy(std::int64_t begin, char* out, std::int64_t bytes) const {
    for (std::int64_t done = 0; done < bytes;) {
      const auto got =
          ::pread(handle_->get(), out + done, static_cast<std::size_t>(bytes - done), offset_ + begin + done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) refuse(where_, fmt::format("cannot be read: {}", std::strerror(errno)), "Check the disk.");
      if (got == 0) refuse(where_, "is cut short", "Write or copy the file again.");
      done += got;
    }
    if (checksum_) checksum_->add(begin, {out, static_cast<std::size_t>(bytes)}, bytes_);
  }

  std::shared_ptr<const Descriptor> handle_;
  std::int64_t offset_, bytes_;  ///< of header and data
  std::string where_;
  NpyArray array_;
  std::unique_ptr<RunningChecksum> checksum_;  ///< null: there is none, or unpacking compares it
};

/// `member`: bytes of `mapping`, which is the file that `handle` has open.
std::unique_ptr<RowSource> rows_in(std::shared_ptr<const Descriptor> handle, const MappedFile& mapping,
                                   std::string_view member, const std::string& where,
                                   std::unique_ptr<RunningChecksum> checksum = nullptr) {
  const auto array = parse_npy_header(member, where);
  const bool floats =
      array.type == NpyType::kFloat16 || array.type == NpyType::kFloat32 || array.type == NpyType::kFloat64;
  if (!floats || array.shape.size() != 2) refuse(where, "is not a matrix of floats", "Save an N x d float32 array.");
  if (array.shape[1] == 0) refuse(where, "has rows of no numbers", "Save an N x d float32 array.");
  const auto expected = array.header_bytes + array.count() * array.item_bytes;
  const auto bytes = static_cast<std::int64_t>(member.size());
  if (bytes < expected) refuse(where, "is cut short", "Write or copy the file again.");
  if (bytes > expected) {  // then the shape may be what is damaged, and no checksum of it is ever compared
    refuse(where, fmt::format("has {} bytes more than the matrix that its header tells of", bytes - expected),
           "Write or copy the file again.");
  }
  if (array.type == NpyType::kFloat64)
    log_warning("{} holds float64 numbers; they are read as float32, as features are", where);
  ::posix_fadvise(handle->get(), 0, 0, POSIX_FADV_SEQUENTIAL);  // advice only
  return std::make_unique<FileRows>(std::move(handle), member.data() - mapping.bytes().data(), member, where, array,
                                    std::move(checksum));
}

}  // namespace

struct NpzReader::Impl {
  std::filesystem::path file;
  std::vector<ZipMember> members;
  std::shared_ptr<const Descriptor> handle;
  std::unique_ptr<const MappedFile> mapping;

  std::string where(const std::string& name) const {
    return fmt::format("The array '{}' of '{}'", name, file.string());
  }

  const ZipMember& member(const std::string& name) const {
    for (const auto& member : members) {
      if (member.name == name + ".npy" || member.name == name) return member;
    }
    std::string known;
    for (const auto& member : members) known += (known.empty() ? "" : ", ") + member.name;
    throw UserError(ErrorKind::kInput, fmt::format("'{}' has no array '{}'.", file.string(), name),
                    fmt::format("It has: {}.", known));
  }

  std::string_view packed(const ZipMember& member) const {
    const auto offset = zip_data_offset(file, member);
    return mapping->bytes().substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(member.packed_bytes));
  }

  /// The first `limit` unpacked bytes.
  std::string head(const std::string& name, std::int64_t limit) const {
    const auto& found = member(name);
    const auto bytes = packed(found);
    std::string out;
    if (!found.deflated) {
      out = bytes.substr(0, static_cast<std::size_t>(limit));
      if (out.size() == bytes.size() && crc32_of(out) != found.crc) wrong_checksum(where(name));
      return out;
    }
    inflate_zip_member(bytes, found, limit, where(name), [&](const char* from, std::size_t n) { out.append(from, n); });
    return out;
  }

  /// All unpacked bytes; the header among them is put into `array`.
  std::string whole(const std::string& name, NpyArray& array) const {
    std::string bytes = head(name, member(name).bytes);
    array = parse_npy_header(bytes, where(name));
    if (static_cast<std::int64_t>(bytes.size()) < array.header_bytes + array.count() * array.item_bytes) {
      refuse(where(name), "is cut short", "Write or copy the file again.");
    }
    return bytes;
  }
};

namespace {

std::string_view data_of(std::string_view bytes, const NpyArray& array) {
  return bytes.substr(static_cast<std::size_t>(array.header_bytes));
}

}  // namespace

NpzReader::NpzReader(const std::filesystem::path& file) : impl_(new Impl) {
  impl_->file = file;
  impl_->members = read_zip_directory(file);
  impl_->handle = std::make_shared<const Descriptor>(open_to_read(file));
  impl_->mapping = std::make_unique<const MappedFile>(*impl_->handle, file);
}

NpzReader::~NpzReader() = default;
NpzReader::NpzReader(NpzReader&&) noexcept = default;

std::vector<std::string> NpzReader::names() const {
  std::vector<std::string> names;
  for (const auto& member : impl_->members) {
    names.push_back(member.name.ends_with(".npy") ? member.name.substr(0, member.name.size() - 4) : member.name);
  }
  return names;
}

bool NpzReader::has(const std::string& name) const {
  const auto all = names();
  return std::find(all.begin(), all.end(), name) != all.end();
}

NpyArray NpzReader::describe(const std::string& name) const {
  return parse_npy_header(impl_->head(name, kNpyHeaderLimit), impl_->where(name));
}

namespace {

/// The data of an integer array of either width.
std::vector<std::int64_t> integers_of(const NpyArray& array, std::string_view data, const std::string& where) {
  if (array.type != NpyType::kInt64 && array.type != NpyType::kInt32) {
    refuse(where, "does not hold integers", "Save it with dtype int64.");
  }
  std::vector<std::int64_t> values(static_cast<std::size_t>(array.count()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (array.type == NpyType::kInt64) {
      std::memcpy(&values[i], data.data() + 8 * i, 8);
    } else {
      std::int32_t value = 0;
      std::memcpy(&value, data.data() + 4 * i, 4);
      values[i] = value;
    }
  }
  return values;
}

/// UTF-8 of UTF-32 code points up to the first zero (NumPy pads with zeros); none if one of them is not a character.
std::optional<std::string> utf8_of(const char* bytes, std::int64_t count) {
  std::string text;
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint32_t c = 0;
    std::memcpy(&c, bytes + 4 * i, 4);
    if (c == 0) break;
    if (!is_scalar_value(c)) return std::nullopt;
    append_utf8(text, c);
  }
  return text;
}

/// Items first ... first + count - 1 of an array of strings, the first of which is at `bytes`.
void append_texts(const NpyArray& array, const char* bytes, std::int64_t first, std::int64_t count,
                  const std::string& where, std::vector<std::string>& texts) {
  for (std::int64_t i = 0; i < count; ++i) {
    auto text = utf8_of(bytes + i * array.item_bytes, array.item_bytes / 4);
    if (!text) {
      refuse(where, fmt::format("holds a code point that is not a valid character in its item {}", first + i),
             "Save it again from valid str values.");
    }
    texts.push_back(std::move(*text));
  }
}

/// Strings as they are, integers as decimal text.
std::vector<std::string> texts_of(const NpyArray& array, std::string_view data, const std::string& where) {
  std::vector<std::string> texts;
  texts.reserve(static_cast<std::size_t>(array.count()));
  if (array.type == NpyType::kInt64 || array.type == NpyType::kInt32) {
    for (const auto value : integers_of(array, data, where)) texts.push_back(std::to_string(value));
    return texts;
  }
  if (array.type != NpyType::kUnicode) refuse(where, "does not hold strings", "Save it with dtype str.");
  append_texts(array, data.data(), 0, array.count(), where, texts);
  return texts;
}

}  // namespace

std::vector<std::int64_t> NpzReader::integers(const std::string& name) const {
  NpyArray array;
  const auto bytes = impl_->whole(name, array);
  return integers_of(array, data_of(bytes, array), impl_->where(name));
}

std::vector<std::string> NpzReader::strings(const std::string& name) const {
  const auto& member = impl_->member(name);
  const auto where = impl_->where(name);
  const bool in_place = !member.deflated && describe(name).type == NpyType::kUnicode;
  if (!in_place) {
    NpyArray array;
    const auto bytes = impl_->whole(name, array);
    return texts_of(array, data_of(bytes, array), where);
  }
  // Piece by piece, so that the strings alone take memory.
  const auto bytes = impl_->packed(member);
  const auto array = parse_npy_header(bytes, where);
  const auto size = static_cast<std::int64_t>(bytes.size());
  if (size < array.header_bytes + array.count() * array.item_bytes)
    refuse(where, "is cut short", "Write or copy the file again.");
  RunningChecksum checksum(member.crc, where);
  const auto pass = [&](std::int64_t begin, std::int64_t count) {
    const auto piece = bytes.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
    checksum.add(begin, piece, size);
    impl_->mapping->release(piece);
  };
  pass(0, array.header_bytes);
  std::vector<std::string> texts;
  texts.reserve(static_cast<std::size_t>(array.count()));
  const auto most = std::max<std::int64_t>(1, (1 << 20) / std::max<std::int64_t>(array.item_bytes, 1));
  for (std::int64_t first = 0; first < array.count(); first += most) {
    const auto count = std::min(most, array.count() - first), begin = array.header_bytes + first * array.item_bytes;
    append_texts(array, bytes.data() + begin, first, count, where, texts);
    pass(begin, count * array.item_bytes);
  }
  const auto end = array.header_bytes + array.count() * array.item_bytes;
  if (end < size) pass(end, size - end);
  return texts;
}

std::vector<std::string> read_npy_texts(const std::filesystem::path& file) {
  const auto where = fmt::format("'{}'", file.string());
  const MappedFile mapping(file);
  const auto array = parse_npy_header(mapping.bytes(), where);
  if (static_cast<std::int64_t>(mapping.bytes().size()) < array.header_bytes + array.count() * array.item_bytes) {
    refuse(where, "is cut short", "Write or copy the file again.");
  }
  return texts_of(array, data_of(mapping.bytes(), array), where);
}

std::unique_ptr<RowSource> NpzReader::rows(const std::string& name) const {
  const auto& member = impl_->member(name);
  const auto packed = impl_->packed(member);
  const auto where = impl_->where(name);
  if (!member.deflated) {
    return rows_in(impl_->handle, *impl_->mapping, packed, where, std::make_unique<RunningChecksum>(member.crc, where));
  }
  const auto handle = std::make_shared<const Descriptor>(unnamed_file());
  inflate_zip_member(packed, member, member.bytes, where, [&](const char* bytes, std::size_t count) {
    write_all(*handle, {bytes, count}, "the temporary copy of " + impl_->file.string());
  });
  const MappedFile mapping(*handle, impl_->file);
  return rows_in(handle, mapping, mapping.bytes(), where);
}

std::unique_ptr<RowSource> open_npy_rows(const std::filesystem::path& file) {
  const auto where = fmt::format("'{}'", file.string());
  const auto handle = std::make_shared<const Descriptor>(open_to_read(file));
  const MappedFile mapping(*handle, file);
  return rows_in(handle, mapping, mapping.bytes(), where);
}

}  // namespace scalselect
