// The blocks that feature shards are made of: how entries become bytes and bytes entries again.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "selector/feature_store.h"

namespace scalselect {

/// Precedes every block; little-endian, 40 bytes.
struct StoreBlockHeader {
  std::uint32_t magic = 0;
  std::uint32_t entries = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t first_entry = 0;  ///< number of entries before this block in the whole store
  std::uint32_t vectors = 0;      ///< entries that have a vector; their values end the payload
  std::uint32_t payload_crc = 0;
  std::uint32_t spec_crc = 0;    ///< of the store's spec, so that stores are not mixed up
  std::uint32_t header_crc = 0;  ///< of the 36 bytes before
};
static_assert(sizeof(StoreBlockHeader) == 40);

/// Entries that wait to be written, or that were read back without their vectors.
struct StoreBlock {
  struct Entry {
    std::int64_t row = 0;
    bool has_vector = false;
    std::string id, reason;
  };
  std::vector<Entry> entries;
  std::string values;  ///< the vectors in the store's precision; filled when writing only
};

/// CRC of cols, precision, block size and feature; stores of different specs do not mix.
std::uint32_t spec_crc(const FeatureStoreSpec& spec);

/// Header and payload.
std::string encode_block(const StoreBlock& block, std::uint64_t first_entry, std::uint32_t spec);

/// Header of a block at the start of `bytes` if it is whole.
std::optional<StoreBlockHeader> decode_header(std::string_view bytes);

/// Entries of a payload whose checksum matches; nullopt if it does not.
std::optional<StoreBlock> decode_payload(const StoreBlockHeader& header, std::string_view payload);

enum class Encoded {
  kAll,
  kNotFinite,  ///< a value is infinite or NaN
  kTooLarge,   ///< a value is finite, but not in this precision
};
/// Appends a vector's bytes, or nothing unless all its values are finite.
Encoded encode_vector(std::span<const float> vector, StorePrecision precision, std::string& values);

/// Values of bfloat16 as float32.
void widen_bfloats(std::span<const std::uint16_t> from, float* out);

inline std::int64_t value_bytes(StorePrecision precision) { return precision == StorePrecision::kFloat32 ? 4 : 2; }

}  // namespace scalselect
