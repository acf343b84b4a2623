#include "selector/store_block.h"

#include <cmath>
#include <cstring>

#include "core/crc32.h"
#include "core/npz.h"

namespace scalselect {
namespace {

constexpr std::uint32_t kMagic = 0x4b425353;  // "SSBK"

template <class T>
void append_value(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class T>
bool read_value(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof(value)) return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  bytes.remove_prefix(sizeof(value));
  return true;
}

bool read_text(std::string_view& bytes, std::string& text) {
  std::uint32_t size = 0;
  if (!read_value(bytes, size) || bytes.size() < size) return false;
  text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

void append_text(std::string& bytes, const std::string& text) {
  append_value(bytes, static_cast<std::uint32_t>(text.size()));
  bytes += text;
}

std::string_view header_bytes(const StoreBlockHeader& header) {
  return {reinterpret_cast<const char*>(&header), offsetof(StoreBlockHeader, header_crc)};
}

}  // namespace

std::uint32_t spec_crc(const FeatureStoreSpec& spec) {
  const nlohmann::json tree{{"cols", spec.cols},
                            {"value_bytes", value_bytes(spec.precision)},
                            {"block_rows", spec.block_rows},
                            {"shard_rows", spec.shard_rows},
                            {"feature", spec.feature.dump()}};
  return crc32_of(tree.dump());
}

std::string encode_block(const StoreBlock& block, std::uint64_t first_entry, std::uint32_t spec) {
  std::string payload;
  std::uint32_t vectors = 0;
  for (const auto& entry : block.entries) {
    append_value(payload, entry.row);
    append_value(payload, static_cast<std::uint8_t>(entry.has_vector));
    append_text(payload, entry.id);
    append_text(payload, entry.reason);
    vectors += entry.has_vector ? 1 : 0;
  }
  payload += block.values;
  StoreBlockHeader header{kMagic,         static_cast<std::uint32_t>(block.entries.size()),
                          payload.size(), first_entry,
                          vectors,        crc32_of(payload),
                          spec,           0};
  header.header_crc = crc32_of(header_bytes(header));
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + payload;
}

std::optional<StoreBlockHeader> decode_header(std::string_view bytes) {
  StoreBlockHeader header;
  if (bytes.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const bool good = header.magic == kMagic && header.header_crc == crc32_of(header_bytes(header));
  return good ? std::optional(header) : std::nullopt;
}

std::optional<StoreBlock> decode_payload(const StoreBlockHeader& header, std::string_view payload) {
  if (payload.size() != header.payload_bytes || crc32_of(payload) != header.payload_crc) return std::nullopt;
  StoreBlock block;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    StoreBlock::Entry entry;
    std::uint8_t has_vector = 0;
    const bool good = read_value(payload, entry.row) && read_value(payload, has_vector) &&
                      read_text(payload, entry.id) && read_text(payload, entry.reason);
    if (!good) return std::nullopt;
    entry.has_vector = has_vector != 0;
    block.entries.push_back(std::move(entry));
  }
  return block;
}

bool encode_vector(std::span<const float> vector, StorePrecision precision, std::string& values) {
  const std::size_t before = values.size();
  for (const float value : vector) {
    const std::uint16_t half = precision == StorePrecision::kFloat16 ? float_to_half(value) : 0;
    if (!std::isfinite(precision == StorePrecision::kFloat16 ? half_to_float(half) : value)) {
      values.resize(before);
      return false;
    }
    if (precision == StorePrecision::kFloat16) append_value(values, half);
    else append_value(values, value);
  }
  return true;
}

}  // namespace scalselect
