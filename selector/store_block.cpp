#include "selector/store_block.h"

#include <Eigen/Core>
#include <bit>
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
  nlohmann::json tree{{"cols", spec.cols},
                      {"value_bytes", value_bytes(spec.precision)},
                      {"block_rows", spec.block_rows},
                      {"shard_rows", spec.shard_rows},
                      {"feature", spec.feature.dump()}};
  if (spec.precision == StorePrecision::kBfloat16) tree["precision"] = precision_name(spec.precision);
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

namespace {

std::uint16_t to_bfloat(float value) { return std::bit_cast<std::uint16_t>(Eigen::bfloat16(value)); }

}  // namespace

Encoded encode_vector(std::span<const float> vector, StorePrecision precision, std::string& values) {
  const auto before = values.size();
  const auto fails = [&](Encoded how) {
    values.resize(before);
    return how;
  };
  for (const float value : vector) {
    if (!std::isfinite(value)) return fails(Encoded::kNotFinite);
    if (precision == StorePrecision::kFloat32) {
      append_value(values, value);
      continue;
    }
    const bool half = precision == StorePrecision::kFloat16;
    const auto bits = half ? float_to_half(value) : to_bfloat(value);
    const std::uint16_t infinite = half ? 0x7c00 : 0x7f80;
    if ((bits & infinite) == infinite) return fails(Encoded::kTooLarge);
    append_value(values, bits);
  }
  return Encoded::kAll;
}

void widen_bfloats(std::span<const std::uint16_t> from, float* out) {
  for (const std::uint32_t bits : from) *out++ = std::bit_cast<float>(bits << 16);
}

}  // namespace scalselect
