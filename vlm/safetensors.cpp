#include "vlm/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/error.h"

namespace scalselect::vlm {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference reader's limit

struct Dtype {
  const char* name;
  torch::ScalarType type;
  std::uint64_t bytes;
};
constexpr std::array<Dtype, 10> kDtypes{{{"F64", torch::kDouble, 8},
                                         {"I64", torch::kLong, 8},
                                         {"F32", torch::kFloat, 4},
                                         {"I32", torch::kInt, 4},
                                         {"F16", torch::kHalf, 2},
                                         {"BF16", torch::kBFloat16, 2},
                                         {"I16", torch::kShort, 2},
                                         {"I8", torch::kChar, 1},
                                         {"U8", torch::kByte, 1},
                                         {"BOOL", torch::kBool, 1}}};

struct Entry {
  Dtype dtype{};
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // in the data buffer
};

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what) {
  throw UserError(ErrorKind::kInput, fmt::format("'{}' is not a valid safetensors file: {}", file.string(), what),
                  "Fetch or write the file again.");
}

/// Bytes that a tensor of this shape takes; nothing on overflow.
std::optional<std::uint64_t> byte_count(const std::vector<std::int64_t>& shape, std::uint64_t element) {
  std::uint64_t total = element;
  for (const auto size : shape) {
    if (__builtin_mul_overflow(total, static_cast<std::uint64_t>(size), &total)) return std::nullopt;
  }
  return total;
}

/// JSON object whose own keys are unique; nlohmann alone would keep the last of two equal ones.
nlohmann::json parse_header(const std::filesystem::path& file, std::string_view text) {
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

Entry parse_entry(const std::filesystem::path& file, const std::string& name, const nlohmann::json& value) {
  const bool shaped = value.is_object() && value.contains("dtype") && value["dtype"].is_string() &&
                      value.contains("shape") && is_size_list(value["shape"]) && value.contains("data_offsets") &&
                      is_size_list(value["data_offsets"]) && value["data_offsets"].size() == 2;
  if (!shaped) refuse(file, fmt::format("tensor '{}' lacks a valid dtype, shape or data_offsets.", name));
  Entry entry;
  const auto dtype = value["dtype"].get<std::string>();
  const auto known = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return dtype == d.name; });
  if (known == kDtypes.end()) refuse(file, fmt::format("tensor '{}' has the unknown dtype '{}'.", name, dtype));
  entry.dtype = *known;
  entry.shape = value["shape"].get<std::vector<std::int64_t>>();
  entry.begin = value["data_offsets"][0].get<std::uint64_t>();
  entry.end = value["data_offsets"][1].get<std::uint64_t>();
  const auto bytes = byte_count(entry.shape, entry.dtype.bytes);
  if (entry.end < entry.begin || !bytes || *bytes != entry.end - entry.begin) {
    refuse(file, fmt::format("tensor '{}' has offsets [{}, {}], which do not fit its shape and dtype.", name,
                             entry.begin, entry.end));
  }
  return entry;
}

/// Sorted by offset, the tensors must tile the buffer: no overlap, no hole, no rest.
void check_tiling(const std::filesystem::path& file, const std::map<std::string, Entry>& entries, std::uint64_t size) {
  std::vector<const std::pair<const std::string, Entry>*> order;
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
                               entry.begin < at ? "overlaps" : "leaves a hole behind"));
    }
    at = entry.end;
  }
  if (at != size) refuse(file, fmt::format("{} bytes follow the last tensor.", size - at));
}

std::vector<std::string> keys_of(const std::map<std::string, Entry>& entries) {
  std::vector<std::string> names;
  for (const auto& item : entries) names.push_back(item.first);
  return names;
}

[[noreturn]] void no_tensor(const std::filesystem::path& file, const std::string& name,
                            const std::vector<std::string>& known) {
  throw UserError(ErrorKind::kInput,
                  fmt::format("'{}' holds no tensor '{}'.{}", file.string(), name, did_you_mean(name, known)));
}

}  // namespace

struct SafetensorsFile::Impl {
  std::filesystem::path path;
  void* map = nullptr;
  std::size_t map_bytes = 0;
  std::uint64_t data_begin = 0;
  std::map<std::string, Entry> entries;
  std::map<std::string, std::string> metadata;

  explicit Impl(const std::filesystem::path& file) : path(file) {
    open();
    try {
      read_header();
    } catch (...) {
      ::munmap(map, map_bytes);
      throw;
    }
  }
  ~Impl() { ::munmap(map, map_bytes); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void open() {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat info {};
    if (fd < 0 || ::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      const std::string why = fd < 0 ? std::strerror(errno) : "not a regular file";
      if (fd >= 0) ::close(fd);
      throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}': {}.", path.string(), why));
    }
    map_bytes = static_cast<std::size_t>(info.st_size);
    if (map_bytes < 8) {
      ::close(fd);
      refuse(path, fmt::format("it has {} bytes, fewer than the 8 of the header's length.", map_bytes));
    }
    map = ::mmap(nullptr, map_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    ::close(fd);
    if (map == MAP_FAILED) {
      throw UserError(ErrorKind::kEnvironment,
                      fmt::format("Cannot map '{}': {}.", path.string(), std::strerror(errno)));
    }
  }

  void read_header() {
    const auto* bytes = static_cast<const unsigned char*>(map);
    std::uint64_t header_bytes = 0;
    for (int i = 7; i >= 0; --i) header_bytes = header_bytes << 8 | bytes[i];
    if (header_bytes > kMaxHeaderBytes || header_bytes > map_bytes - 8) {
      refuse(path, fmt::format("it announces a header of {} bytes, but has {} bytes in all.", header_bytes, map_bytes));
    }
    data_begin = 8 + header_bytes;
    const auto header = parse_header(path, {static_cast<const char*>(map) + 8, header_bytes});
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") {
        read_metadata(value);
      } else {
        entries.emplace(name, parse_entry(path, name, value));
      }
    }
    check_tiling(path, entries, map_bytes - data_begin);
  }

  void read_metadata(const nlohmann::json& value) {
    if (!value.is_object()) refuse(path, "its __metadata__ is not an object.");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) refuse(path, fmt::format("its __metadata__ entry '{}' is not a string.", key));
      metadata[key] = text.get<std::string>();
    }
  }

  const Entry& entry(const std::string& name) const {
    const auto found = entries.find(name);
    if (found == entries.end()) no_tensor(path, name, keys_of(entries));
    return found->second;
  }
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& file) : impl_(std::make_shared<const Impl>(file)) {}
SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;

bool SafetensorsFile::has(const std::string& name) const { return impl_->entries.contains(name); }
std::vector<std::string> SafetensorsFile::names() const { return keys_of(impl_->entries); }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const { return impl_->metadata; }
const std::filesystem::path& SafetensorsFile::path() const { return impl_->path; }
std::vector<std::int64_t> SafetensorsFile::shape(const std::string& name) const { return impl_->entry(name).shape; }

torch::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const Entry& entry = impl_->entry(name);
  if (entry.begin == entry.end) return torch::empty(entry.shape, entry.dtype.type);
  auto* data = static_cast<char*>(impl_->map) + impl_->data_begin + entry.begin;
  if (reinterpret_cast<std::uintptr_t>(data) % entry.dtype.bytes != 0) {
    auto copy = torch::empty(entry.shape, entry.dtype.type);
    std::memcpy(copy.data_ptr(), data, entry.end - entry.begin);
    return copy;
  }
  return torch::from_blob(
      data, entry.shape, [keep = impl_](void*) {}, entry.dtype.type);
}

}  // namespace scalselect::vlm
