// Compressed text, and the scanner of JSON values: pieces of any size give the values of the whole.
#include "data/byte_stream.h"
#include "data/json_scan.h"
#include "tests/fuzz/input.h"

using namespace scalselect;

namespace {

std::string values_of(JsonValues values) {
  std::string all;
  for (std::string_view value; values.next(value);) {
    all += std::to_string(values.place().byte) + ":" + std::to_string(values.place().line) + " ";
    all += value;
  }
  return all + values.error().what + std::to_string(values.error().place.line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  for (const auto layout : {JsonLayout::kArray, JsonLayout::kLines}) {
    std::size_t at = 0;
    const auto by_byte = [&](char* to, std::size_t) -> std::size_t {
      if (at == text.size()) return 0;
      *to = text[at++];
      return 1;
    };
    fuzz::require(values_of({text, layout}) == values_of({by_byte, layout}));
  }
  for (const auto& member : members_of(text))
    fuzz::require(member.value.data() + member.value.size() <= text.data() + size);
  const FileBytes bytes(fuzz::file_of("packed", data, size));
  try {
    const auto stream = bytes.open();
    char chunk[4096];
    for (int i = 0; i < 64; ++i) {
      const auto got = stream->read(chunk, sizeof chunk);
      fuzz::require(got <= sizeof chunk);
      if (got == 0) break;
    }
  } catch (const DamagedStream&) {
  }
  return 0;
}
