// Headers of safetensors files: what is accepted must lie inside of the file.
#include "tests/fuzz/input.h"
#include "vlm/safetensors_header.h"

using namespace scalselect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_value_or_refusal([&] {
    const auto header = vlm::parse_safetensors_header(fuzz::text(data, size), "input");
    for (const auto& [name, entry] : header.entries) {
      std::uint64_t bytes = entry.item_bytes;
      for (const auto length : entry.shape) bytes *= static_cast<std::uint64_t>(length);
      fuzz::require(entry.begin <= entry.end && entry.end <= size - header.data_begin);
      fuzz::require(bytes == entry.end - entry.begin);
    }
  });
  return 0;
}
