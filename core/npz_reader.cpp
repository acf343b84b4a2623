#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/check.h"
#include "core/error.h"
#include "core/files.h"
#include "core/mapped_file.h"
#include "core/npy_format.h"
#include "core/npz.h"
#include "core/utf8.h"
#include "core/zip_format.h"

namespace scalselect {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& what, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, fmt::format("{} {}.", where, what), remedy);
}

/// Float rows of any precision in a mapping.
class MappedRows final : public RowSource {
 public:
  MappedRows(std::shared_ptr<MappedFile> mapping, std::string_view data, const NpyArray& array)
      : mapping_(std::move(mapping)), data_(data.data()), array_(array) {}
  std::int64_t rows() const override { return array_.shape[0]; }
  std::int64_t cols() const override { return array_.shape[1]; }
  void read(std::int64_t first, std::int64_t count, float* out) const override {
    SCALSELECT_CHECK(first >= 0 && first + count <= rows());
    const char* from = data_ + first * cols() * array_.item_bytes;
    const auto values = static_cast<std::size_t>(count * cols());
    switch (array_.type) {
      case NpyType::kFloat32: std::memcpy(out, from, values * 4); break;
      case NpyType::kFloat64: convert<double>(from, values, out, [](double v) { return static_cast<float>(v); }); break;
      default: convert<std::uint16_t>(from, values, out, half_to_float);
    }
  }

 private:
  template <class T, class Convert>
  static void convert(const char* from, std::size_t values, float* out, Convert make) {
    for (std::size_t i = 0; i < values; ++i) {
      T value;  // zip members are not aligned
      std::memcpy(&value, from + i * sizeof(T), sizeof(T));
      out[i] = make(value);
    }
  }
  std::shared_ptr<MappedFile> mapping_;
  const char* data_;
  NpyArray array_;
};

std::unique_ptr<RowSource> rows_in(std::shared_ptr<MappedFile> mapping, std::string_view member,
                                   const std::string& where) {
  const auto array = parse_npy_header(member, where);
  const bool floats =
      array.type == NpyType::kFloat16 || array.type == NpyType::kFloat32 || array.type == NpyType::kFloat64;
  if (!floats || array.shape.size() != 2) refuse(where, "is not a matrix of floats", "Save an N x d float32 array.");
  if (array.shape[1] == 0) refuse(where, "has rows of no numbers", "Save an N x d float32 array.");
  if (static_cast<std::int64_t>(member.size()) < array.header_bytes + array.count() * array.item_bytes) {
    refuse(where, "is cut short", "Write or copy the file again.");
  }
  return std::make_unique<MappedRows>(std::move(mapping), member.substr(static_cast<std::size_t>(array.header_bytes)),
                                      array);
}

}  // namespace

struct NpzReader::Impl {
  std::filesystem::path file;
  std::vector<ZipMember> members;
  std::shared_ptr<MappedFile> mapping;

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
    if (!found.deflated) return std::string(bytes.substr(0, static_cast<std::size_t>(limit)));
    std::string out;
    inflate_zip_member(bytes, found, limit, where(name), [&](const char* from, std::size_t n) { out.append(from, n); });
    return out;
  }

  /// All unpacked bytes after the header, which is put into `array`.
  std::string body(const std::string& name, NpyArray& array) const {
    std::string bytes = head(name, member(name).bytes);
    array = parse_npy_header(bytes, where(name));
    if (static_cast<std::int64_t>(bytes.size()) < array.header_bytes + array.count() * array.item_bytes) {
      refuse(where(name), "is cut short", "Write or copy the file again.");
    }
    return bytes.substr(static_cast<std::size_t>(array.header_bytes));
  }
};

NpzReader::NpzReader(const std::filesystem::path& file) : impl_(new Impl) {
  impl_->file = file;
  impl_->members = read_zip_directory(file);
  impl_->mapping = std::make_shared<MappedFile>(file);
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

/// Strings as they are, integers as decimal text.
std::vector<std::string> texts_of(const NpyArray& array, std::string_view data, const std::string& where) {
  std::vector<std::string> texts;
  if (array.type == NpyType::kInt64 || array.type == NpyType::kInt32) {
    for (const auto value : integers_of(array, data, where)) texts.push_back(std::to_string(value));
    return texts;
  }
  if (array.type != NpyType::kUnicode) refuse(where, "does not hold strings", "Save it with dtype str.");
  for (std::int64_t i = 0; i < array.count(); ++i) {
    auto text = utf8_of(data.data() + i * array.item_bytes, array.item_bytes / 4);
    if (!text) {
      refuse(where, fmt::format("holds a code point that is not a valid character in its item {}", i),
             "Save it again from valid str values.");
    }
    texts.push_back(std::move(*text));
  }
  return texts;
}

}  // namespace

std::vector<std::int64_t> NpzReader::integers(const std::string& name) const {
  NpyArray array;
  const auto bytes = impl_->body(name, array);
  return integers_of(array, bytes, impl_->where(name));
}

std::vector<std::string> NpzReader::strings(const std::string& name) const {
  NpyArray array;
  const auto bytes = impl_->body(name, array);
  return texts_of(array, bytes, impl_->where(name));
}

std::vector<std::string> read_npy_texts(const std::filesystem::path& file) {
  const auto where = fmt::format("'{}'", file.string());
  const MappedFile mapping(file);
  const auto array = parse_npy_header(mapping.bytes(), where);
  if (static_cast<std::int64_t>(mapping.bytes().size()) < array.header_bytes + array.count() * array.item_bytes) {
    refuse(where, "is cut short", "Write or copy the file again.");
  }
  return texts_of(array, mapping.bytes().substr(static_cast<std::size_t>(array.header_bytes)), where);
}

std::unique_ptr<RowSource> NpzReader::rows(const std::string& name) const {
  const auto& member = impl_->member(name);
  const auto packed = impl_->packed(member);
  const auto where = impl_->where(name);
  if (!member.deflated) return rows_in(impl_->mapping, packed, where);
  const auto handle = unnamed_file();
  inflate_zip_member(packed, member, member.bytes, where, [&](const char* bytes, std::size_t count) {
    write_all(handle, {bytes, count}, "the temporary copy of " + impl_->file.string());
  });
  auto mapping = std::make_shared<MappedFile>(handle, impl_->file);
  return rows_in(mapping, mapping->bytes(), where);
}

std::unique_ptr<RowSource> open_npy_rows(const std::filesystem::path& file) {
  const auto where = fmt::format("'{}'", file.string());
  auto mapping = std::make_shared<MappedFile>(file);
  return rows_in(mapping, mapping->bytes(), where);
}

}  // namespace scalselect
