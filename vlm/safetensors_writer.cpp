#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "vlm/safetensors.h"

namespace scalselect::vlm {
namespace {

struct Named {
  std::string name;
  torch::Tensor data;  // CPU, contiguous
  std::string dtype;
  int rank;  // HF's writer puts the widest types first
};

std::pair<std::string, int> dtype_of(const std::string& name, torch::ScalarType type) {
  switch (type) {
    case torch::kLong: return {"I64", 0};
    case torch::kDouble: return {"F64", 1};
    case torch::kFloat: return {"F32", 2};
    case torch::kInt: return {"I32", 3};
    case torch::kBFloat16: return {"BF16", 4};
    case torch::kHalf: return {"F16", 5};
    case torch::kShort: return {"I16", 6};
    case torch::kChar: return {"I8", 7};
    case torch::kByte: return {"U8", 8};
    case torch::kBool: return {"BOOL", 9};
    default: break;
  }
  throw UserError(
      ErrorKind::kInput,
      fmt::format("Tensor '{}' has the type {}, which safetensors files here do not hold.", name, c10::toString(type)));
}

std::vector<Named> in_file_order(const std::vector<std::pair<std::string, torch::Tensor>>& tensors) {
  std::vector<Named> order;
  for (const auto& [name, tensor] : tensors) {
    const auto [dtype, rank] = dtype_of(name, tensor.scalar_type());
    order.push_back({name, tensor.detach().to(torch::kCPU).contiguous(), dtype, rank});
  }
  std::sort(order.begin(), order.end(),
            [](const Named& a, const Named& b) { return std::pair(a.rank, a.name) < std::pair(b.rank, b.name); });
  assert(std::adjacent_find(order.begin(), order.end(),
                            [](const Named& a, const Named& b) { return a.name == b.name; }) == order.end());
  return order;
}

/// Length field and JSON, padded with blanks so that the buffer starts at a multiple of 8.
std::string header_of(const std::vector<Named>& order, const std::map<std::string, std::string>& metadata) {
  auto header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t at = 0;
  for (const auto& item : order) {
    const std::size_t end = at + item.data.nbytes();
    header[item.name] = {{"dtype", item.dtype}, {"shape", item.data.sizes().vec()}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(text.size() >> (8 * i));
  return bytes + text;
}

void write_all(int fd, const void* data, std::size_t bytes, const std::filesystem::path& file,
               const std::filesystem::path& temporary) {
  const auto* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const auto done = ::write(fd, at, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      const std::string why = std::strerror(errno);
      ::close(fd);
      ::unlink(temporary.c_str());
      throw UserError(ErrorKind::kEnvironment, fmt::format("Cannot write '{}': {}.", file.string(), why),
                      "Check permissions and free space, or choose another place.");
    }
    at += done;
    bytes -= static_cast<std::size_t>(done);
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& file,
                       const std::vector<std::pair<std::string, torch::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const auto order = in_file_order(tensors);
  if (file.has_parent_path()) ensure_folder(file.parent_path());
  const std::filesystem::path temporary = file.string() + fmt::format(".{}.tmp", ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    throw UserError(ErrorKind::kEnvironment, fmt::format("Cannot write '{}': {}.", file.string(), std::strerror(errno)),
                    "Choose a folder that can be written to.");
  }
  const auto header = header_of(order, metadata);
  write_all(fd, header.data(), header.size(), file, temporary);
  for (const auto& item : order) write_all(fd, item.data.data_ptr(), item.data.nbytes(), file, temporary);
  ::close(fd);
  publish_file(temporary, file);
}

}  // namespace scalselect::vlm
