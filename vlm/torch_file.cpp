#include "vlm/torch_file.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/zip_format.h"

namespace scalselect::vlm {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what) {
  throw UserError(ErrorKind::kInput, fmt::format("'{}' {}.", file.string(), what), "Fetch or write the file again.");
}

torch::ScalarType type_of(const std::filesystem::path& file, const std::string& type) {
  constexpr std::array<std::pair<const char*, torch::ScalarType>, 10> kTypes{{{"Float", torch::kFloat},
                                                                              {"Half", torch::kHalf},
                                                                              {"BFloat16", torch::kBFloat16},
                                                                              {"Double", torch::kDouble},
                                                                              {"Long", torch::kLong},
                                                                              {"Int", torch::kInt},
                                                                              {"Short", torch::kShort},
                                                                              {"Char", torch::kChar},
                                                                              {"Byte", torch::kByte},
                                                                              {"Bool", torch::kBool}}};
  for (const auto& [name, scalar] : kTypes) {
    if (type == name) return scalar;
  }
  refuse(file, "holds the unknown tensor type " + type);
}

}  // namespace

struct TorchFile::Archive {
  MappedFile file;
  std::map<std::string, std::string_view> members;  ///< name below the archive's own folder -> contents

  explicit Archive(const std::filesystem::path& path) : file(path) {
    if (!file.bytes().starts_with("PK\x03\x04")) {
      refuse(path, file.bytes().starts_with("\x80\x02\x8a\x0al\xfc")
                       ? "is in the format of PyTorch before 1.6: load it in Python and save it again"
                       : "is not a PyTorch checkpoint");
    }
    for (const auto& member : read_zip_directory(path)) {
      if (member.deflated) refuse(path, fmt::format("has the compressed member '{}'", member.name));
      const auto begin = static_cast<std::size_t>(zip_data_offset(path, member));
      const auto inner = member.name.find('/');
      members[member.name.substr(inner == std::string::npos ? 0 : inner + 1)] =
          file.bytes().substr(begin, static_cast<std::size_t>(member.bytes));
    }
    const auto order = members.find("byteorder");
    if (order != members.end() && order->second != "little") refuse(path, "is not little-endian");
    if (!members.contains("data.pkl")) refuse(path, "is a zip archive, but not a PyTorch checkpoint (no data.pkl)");
  }
};

TorchFile::TorchFile(const std::filesystem::path& file) : path_(file), archive_(std::make_shared<const Archive>(file)) {
  for (auto& [name, tensor] : read_state_dict_pickle(archive_->members.at("data.pkl"), file.string())) {
    const auto storage = archive_->members.find("data/" + tensor.storage);
    if (storage == archive_->members.end()) refuse(file, fmt::format("lacks the storage of tensor '{}'", name));
    const auto bytes = storage->second.size(), item = c10::elementSize(type_of(file, tensor.type));
    if (static_cast<std::uint64_t>(tensor.storage_size) > bytes / item) {
      refuse(file, fmt::format("is cut short in tensor '{}'", name));
    }
    entries_.insert_or_assign(name, std::move(tensor));
  }
}

const PickledTensor& TorchFile::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found != entries_.end()) return found->second;
  refuse(path_, fmt::format("holds no tensor '{}'", name));
}

std::vector<std::int64_t> TorchFile::shape(const std::string& name) const { return entry(name).shape; }

std::vector<std::string> TorchFile::names() const {
  std::vector<std::string> names;
  for (const auto& item : entries_) names.push_back(item.first);
  return names;
}

torch::Tensor TorchFile::tensor(const std::string& name) const {
  const auto& from = entry(name);
  const auto type = type_of(path_, from.type);
  // The mapping is read-only; from_blob only lacks a way to say so.
  auto* storage = const_cast<char*>(archive_->members.at("data/" + from.storage).data());
  auto* data = storage + static_cast<std::size_t>(from.offset) * c10::elementSize(type);
  return torch::from_blob(
      data, from.shape, from.stride, [keep = archive_](void*) {}, type);
}

}  // namespace scalselect::vlm
