// The header of a safetensors file: 8 bytes of length, then JSON that says which tensor lies where (format description
// of huggingface/safetensors). Free of LibTorch, so that it can be fuzzed on its own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect::vlm {

struct SafetensorsEntry {
  std::string dtype;             ///< any of the format's
  std::uint64_t item_bytes = 0;  ///< of that dtype, rounded up
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  ///< in the data buffer
};

struct SafetensorsHeader {
  std::uint64_t data_begin = 0;  ///< where the data buffer starts in the file
  std::map<std::string, SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

/// `bytes`: the whole file, of which only the header is read; `name`: for messages. Throws
/// UserError(kInput): wrong header length, header that is not JSON, unknown dtype, duplicate names, tensors that
/// overlap, leave holes, reach beyond the file, or do not fit their shape.
SafetensorsHeader parse_safetensors_header(std::string_view bytes, const std::string& name);

}  // namespace scalselect::vlm
