#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "core/error.h"
#include "core/files.h"
#include "vlm/safetensors.h"
#include "vlm/safetensors_stream.h"

namespace scalselect::vlm {
namespace {

struct Named {
  const LazyTensor* tensor;
  std::string dtype;
  int rank;  // HF's writer puts the widest types first
  std::size_t bytes() const {
    std::size_t total = c10::elementSize(tensor->type);
    for (const auto size : tensor->shape) total *= static_cast<std::size_t>(size);
    return total;
  }
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
  throw UserError(ErrorKind::kInput,
                  fmt::format("Tensor '{}' has the type {}, which is not written to safetensors files here.", name,
                              c10::toString(type)));
}

std::vector<Named> in_file_order(const std::vector<LazyTensor>& tensors) {
  std::vector<Named> order;
  for (const auto& tensor : tensors) {
    const auto [dtype, rank] = dtype_of(tensor.name, tensor.type);
    order.push_back({&tensor, dtype, rank});
  }
  std::sort(order.begin(), order.end(), [](const Named& a, const Named& b) {
    return std::pair(a.rank, a.tensor->name) < std::pair(b.rank, b.tensor->name);
  });
  SCALSELECT_CHECK(std::adjacent_find(order.begin(), order.end(), [](const Named& a, const Named& b) {
                     return a.tensor->name == b.tensor->name;
                   }) == order.end());
  return order;
}

/// Length field and JSON, padded with blanks so that the buffer starts at a multiple of 8.
std::string header_of(const std::vector<Named>& order, const std::map<std::string, std::string>& metadata) {
  auto header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t at = 0;
  for (const auto& item : order) {
    const std::size_t end = at + item.bytes();
    header[item.tensor->name] = {{"dtype", item.dtype}, {"shape", item.tensor->shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(text.size() >> (8 * i));
  return bytes + text;
}

}  // namespace

void stream_safetensors(const std::filesystem::path& file, const std::vector<LazyTensor>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  const auto order = in_file_order(tensors);
  FileWriter out(file);
  out.write(header_of(order, metadata));
  for (const auto& item : order) {
    const auto data = item.tensor->make().detach().to(torch::kCPU).contiguous();
    SCALSELECT_CHECK(data.scalar_type() == item.tensor->type && data.nbytes() == item.bytes());
    out.write({static_cast<const char*>(data.data_ptr()), data.nbytes()});
  }
  out.commit();
}

void write_safetensors(const std::filesystem::path& file,
                       const std::vector<std::pair<std::string, torch::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<LazyTensor> lazy;
  for (const auto& [name, tensor] : tensors) {
    lazy.push_back({name, tensor.scalar_type(), tensor.sizes().vec(), [&value = tensor] { return value; }});
  }
  stream_safetensors(file, lazy, metadata);
}

}  // namespace scalselect::vlm
