#include "vlm/safetensors.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "core/error.h"
#include "core/mapped_file.h"
#include "vlm/safetensors_header.h"

namespace scalselect::vlm {
namespace {

constexpr std::array<std::pair<const char*, torch::ScalarType>, 10> kTypes{{{"F64", torch::kDouble},
                                                                            {"I64", torch::kLong},
                                                                            {"F32", torch::kFloat},
                                                                            {"I32", torch::kInt},
                                                                            {"F16", torch::kHalf},
                                                                            {"BF16", torch::kBFloat16},
                                                                            {"I16", torch::kShort},
                                                                            {"I8", torch::kChar},
                                                                            {"U8", torch::kByte},
                                                                            {"BOOL", torch::kBool}}};

torch::ScalarType type_of(const std::filesystem::path& file, const std::string& tensor, const std::string& dtype) {
  for (const auto& [name, type] : kTypes) {
    if (dtype == name) return type;
  }
  throw UserError(
      ErrorKind::kInput,
      fmt::format("Tensor '{}' of '{}' is stored as {}, which is not supported.", tensor, file.string(), dtype),
      "Use the model's folder with bfloat16, float16 or float32 weights.");
}

}  // namespace

struct SafetensorsFile::Impl {
  MappedFile file;
  SafetensorsHeader header;

  explicit Impl(const std::filesystem::path& path)
      : file(path), header(parse_safetensors_header(file.bytes(), path.string())) {}

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& item : header.entries) names.push_back(item.first);
    return names;
  }

  const SafetensorsEntry& entry(const std::string& name) const {
    const auto found = header.entries.find(name);
    if (found != header.entries.end()) return found->second;
    throw UserError(ErrorKind::kInput, fmt::format("'{}' holds no tensor '{}'.{}", file.path().string(), name,
                                                   did_you_mean(name, names())));
  }
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& file) : impl_(std::make_shared<const Impl>(file)) {}
SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;

bool SafetensorsFile::has(const std::string& name) const { return impl_->header.entries.contains(name); }
std::vector<std::string> SafetensorsFile::names() const { return impl_->names(); }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const { return impl_->header.metadata; }
const std::filesystem::path& SafetensorsFile::path() const { return impl_->file.path(); }
std::vector<std::int64_t> SafetensorsFile::shape(const std::string& name) const { return impl_->entry(name).shape; }

torch::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto& entry = impl_->entry(name);
  const auto type = type_of(path(), name, entry.dtype);
  if (entry.begin == entry.end) return torch::empty(entry.shape, type);
  // The mapping is read-only; from_blob only lacks a way to say so.
  auto* data = const_cast<char*>(impl_->file.bytes().data()) + impl_->header.data_begin + entry.begin;
  if (reinterpret_cast<std::uintptr_t>(data) % entry.item_bytes != 0) {
    auto copy = torch::empty(entry.shape, type);
    std::memcpy(copy.data_ptr(), data, entry.end - entry.begin);
    return copy;
  }
  return torch::from_blob(
      data, entry.shape, [keep = impl_](void*) {}, type);
}

void SafetensorsFile::release(const std::string& name) const {
  const auto& entry = impl_->entry(name);
  impl_->file.release(impl_->file.bytes().substr(impl_->header.data_begin + entry.begin, entry.end - entry.begin));
}

}  // namespace scalselect::vlm
