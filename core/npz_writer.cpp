#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/check.h"
#include "core/crc32.h"
#include "core/error.h"
#include "core/files.h"
#include "core/npy_format.h"
#include "core/npz.h"
#include "core/utf8.h"
#include "core/zip_format.h"

namespace scalselect {
namespace {

constexpr std::size_t kChunk = 1 << 20;

/// The code points of UTF-8 text.
std::vector<std::uint32_t> code_points(const std::string& text) {
  std::vector<std::uint32_t> points;
  for (std::size_t i = 0; i < text.size();) {
    const auto next = decode_utf8(text, i);
    if (!next.valid) {
      throw UserError(ErrorKind::kInput, fmt::format("The id '{}' is not UTF-8.", text),
                      "Use ids=row, or fix the pool.");
    }
    points.push_back(next.point);
    i += next.bytes;
  }
  return points;
}

/// One member while it is written: counts and checksum.
class MemberStream {
 public:
  explicit MemberStream(FileWriter& out) : out_(out) {}

  void write(const void* data, std::size_t count) {
    const std::string_view bytes(static_cast<const char*>(data), count);
    crc_ = crc32_of(bytes, crc_);
    bytes_ += static_cast<std::int64_t>(count);
    out_.write(bytes);
  }

  /// Fills in what is known now.
  void finish(ZipMember& member) const {
    member.crc = crc_;
    member.bytes = member.packed_bytes = bytes_;
  }

 private:
  FileWriter& out_;
  std::uint32_t crc_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace

struct NpzWriter::Impl {
  FileWriter out;
  std::vector<ZipMember> members;

  /// Writes a member whose bytes `fill(stream)` produces.
  template <class Fill>
  void add(const std::string& name, const std::string& header, const Fill& fill) {
    ZipMember member;
    member.name = name + ".npy";
    member.header_offset = static_cast<std::int64_t>(out.size());
    out.write(zip_local_header(member));
    MemberStream stream(out);
    stream.write(header.data(), header.size());
    fill(stream);
    stream.finish(member);
    out.rewrite(static_cast<std::uint64_t>(member.header_offset), zip_local_header(member));
    members.push_back(std::move(member));
  }

  template <class T>
  void add_values(const std::string& name, const char* descr, std::span<const T> values) {
    add(name, make_npy_header(descr, {static_cast<std::int64_t>(values.size())}),
        [&](MemberStream& stream) { stream.write(values.data(), values.size_bytes()); });
  }
};

NpzWriter::NpzWriter(const std::filesystem::path& file) : impl_(new Impl{FileWriter(file), {}}) {}

NpzWriter::~NpzWriter() = default;

void NpzWriter::add(const std::string& name, const RowSource& rows, NpyType type) {
  SCALSELECT_CHECK(type == NpyType::kFloat32 || type == NpyType::kFloat16);
  const bool half = type == NpyType::kFloat16;
  const std::int64_t block =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(kChunk) / std::max<std::int64_t>(rows.cols(), 1));
  std::vector<float> buffer(static_cast<std::size_t>(block * rows.cols()));
  std::vector<std::uint16_t> halves;
  impl_->add(name, make_npy_header(half ? "<f2" : "<f4", {rows.rows(), rows.cols()}), [&](MemberStream& stream) {
    for (std::int64_t first = 0; first < rows.rows(); first += block) {
      const auto count = std::min(block, rows.rows() - first);
      rows.read(first, count, buffer.data());
      const std::span values(buffer.data(), static_cast<std::size_t>(count * rows.cols()));
      if (half) {
        halves.resize(values.size());
        std::transform(values.begin(), values.end(), halves.begin(), float_to_half);
        stream.write(halves.data(), halves.size() * sizeof halves[0]);
      } else {
        stream.write(values.data(), values.size_bytes());
      }
    }
  });
}

void NpzWriter::add(const std::string& name, std::span<const float> values) { impl_->add_values(name, "<f4", values); }
void NpzWriter::add(const std::string& name, std::span<const double> values) { impl_->add_values(name, "<f8", values); }
void NpzWriter::add(const std::string& name, std::span<const std::int64_t> values) {
  impl_->add_values(name, "<i8", values);
}

void NpzWriter::add(const std::string& name, const std::vector<std::string>& values) {
  std::size_t width = 1;
  for (const auto& value : values) width = std::max(width, code_points(value).size());
  impl_->add(name, make_npy_header(fmt::format("<U{}", width), {static_cast<std::int64_t>(values.size())}),
             [&](MemberStream& stream) {
               for (const auto& value : values) {
                 auto points = code_points(value);
                 points.resize(width, 0);
                 stream.write(points.data(), points.size() * sizeof(std::uint32_t));
               }
             });
}

void NpzWriter::finish() {
  impl_->out.write(zip_directory(impl_->members, static_cast<std::int64_t>(impl_->out.size())));
  impl_->out.commit();
}

}  // namespace scalselect
