#include "vlm/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/lfs_pointer.h"

namespace scalselect::vlm {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference reader's limit

/// Bits of every dtype of the format (safetensors 0.7); SafetensorsFile decides which of them it reads.
constexpr std::array<std::pair<const char*, std::uint64_t>, 22> kItemBits{
    {{"F64", 64},    {"I64", 64},    {"U64", 64},    {"C64", 64},    {"F32", 32},        {"I32", 32},
     {"U32", 32},    {"F16", 16},    {"BF16", 16},   {"I16", 16},    {"U16", 16},        {"I8", 8},
     {"U8", 8},      {"BOOL", 8},    {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
     {"F8_E8M0", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4}}};

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
  throw UserError(ErrorKind::kInput, fmt::format("'{}' is not a valid safetensors file: {}", file, what),
                  "Fetch or write the file again.");
}

/// Bytes of a tensor of this shape; nothing if that, or the strides of an empty tensor, overflows.
std::optional<std::uint64_t> byte_count(const std::vector<std::int64_t>& shape, std::uint64_t item_bits) {
  std::int64_t total = static_cast<std::int64_t>(item_bits);
  bool empty = false;
  for (const auto size : shape) {
    empty = empty || size == 0;
    if (__builtin_mul_overflow(total, std::max<std::int64_t>(size, 1), &total)) return std::nullopt;
  }
  if (empty) return 0;
  if (total % 8 != 0) return std::nullopt;
  return static_cast<std::uint64_t>(total) / 8;
}

/// JSON object whose own keys are unique; nlohmann alone would keep the last of two equal ones.
nlohmann::json parse_object(const std::string& file, std::string_view text) {
  std::set<std::string> seen;
  std::string duplicate;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (depth == 1 && event == nlohmann::json::parse_event_t::key && !seen.insert(parsed.get<std::string>()).second) {
      duplicate = parsed.get<std::string>();
    }
    return true;
  };
  nlohmann::json header;
  try {
    header = nlohmann::json::parse(text, watch);
  } catch (const nlohmann::json::exception&) {
    refuse(file, "its header is not JSON.");
  }
  if (!duplicate.empty()) refuse(file, fmt::format("its header names tensor '{}' twice.", duplicate));
  if (!header.is_object()) refuse(file, "its header is not a JSON object.");
  return header;
}

bool is_size_list(const nlohmann::json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const nlohmann::json& item) {
           return item.is_number_unsigned() && item.get<std::uint64_t>() <= 0x7fffffffffffffffULL;
         });
}

SafetensorsEntry parse_entry(const std::string& file, const std::string& name, const nlohmann::json& value) {
  const bool shaped = value.is_object() && value.contains("dtype") && value["dtype"].is_string() &&
                      value.contains("shape") && is_size_list(value["shape"]) && value.contains("data_offsets") &&
                      is_size_list(value["data_offsets"]) && value["data_offsets"].size() == 2;
  if (!shaped) refuse(file, fmt::format("tensor '{}' lacks a valid dtype, shape or data_offsets.", name));
  SafetensorsEntry entry;
  entry.dtype = value["dtype"].get<std::string>();
  const auto known =
      std::find_if(kItemBits.begin(), kItemBits.end(), [&](const auto& item) { return entry.dtype == item.first; });
  if (known == kItemBits.end()) {
    refuse(file, fmt::format("tensor '{}' has the unknown dtype '{}'.", name, entry.dtype));
  }
  entry.item_bytes = (known->second + 7) / 8;
  entry.shape = value["shape"].get<std::vector<std::int64_t>>();
  entry.begin = value["data_offsets"][0].get<std::uint64_t>();
  entry.end = value["data_offsets"][1].get<std::uint64_t>();
  const auto bytes = byte_count(entry.shape, known->second);
  if (entry.end < entry.begin || !bytes || *bytes != entry.end - entry.begin) {
    refuse(file, fmt::format("tensor '{}' has offsets [{}, {}], which do not fit its shape and dtype.", name,
                             entry.begin, entry.end));
  }
  return entry;
}

std::map<std::string, std::string> parse_metadata(const std::string& file, const nlohmann::json& value) {
  if (value.is_null()) return {};  // absent, as in the reference reader
  if (!value.is_object()) refuse(file, "its __metadata__ is not an object.");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) refuse(file, fmt::format("its __metadata__ entry '{}' is not a string.", key));
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

/// Sorted by offset, the tensors must tile the buffer: no overlap, no gap, no rest.
void check_tiling(const std::string& file, const std::map<std::string, SafetensorsEntry>& entries, std::uint64_t size) {
  std::vector<const std::pair<const std::string, SafetensorsEntry>*> order;
  for (const auto& item : entries) order.push_back(&item);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  std::uint64_t at = 0;
  for (const auto* item : order) {
    const auto& [name, entry] = *item;
    if (entry.end > size) {
      refuse(file, fmt::format("tensor '{}' ends at byte {} of a buffer of {} bytes (the file is cut short).", name,
                               entry.end, size));
    }
    if (entry.begin != at) {
      refuse(file, fmt::format("tensor '{}' {} its predecessor.", name,
                               entry.begin < at ? "overlaps" : "leaves a gap after"));
    }
    at = entry.end;
  }
  if (at != size) refuse(file, fmt::format("{} bytes follow the last tensor.", size - at));
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view bytes, const std::string& name) {
  if (is_lfs_pointer(bytes)) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' is a Git LFS pointer, not the weights.", name), kFetchFromLfs);
  }
  if (bytes.size() < 8) {
    refuse(name, fmt::format("it has {} bytes, fewer than the 8 of the header's length.", bytes.size()));
  }
  std::uint64_t header_bytes = 0;
  for (int i = 7; i >= 0; --i) header_bytes = header_bytes << 8 | static_cast<unsigned char>(bytes[i]);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - 8) {
    refuse(name,
           fmt::format("it announces a header of {} bytes, but has {} bytes in all.", header_bytes, bytes.size()));
  }
  SafetensorsHeader header;
  header.data_begin = 8 + header_bytes;
  const auto tree = parse_object(name, bytes.substr(8, header_bytes));
  for (const auto& [key, value] : tree.items()) {
    if (key == "__metadata__") header.metadata = parse_metadata(name, value);
    else header.entries.emplace(key, parse_entry(name, key, value));
  }
  check_tiling(name, header.entries, bytes.size() - header.data_begin);
  return header;
}

}  // namespace scalselect::vlm
