// tokenizer.json: every component and its parameters.
#include "tests/fuzz/input.h"
#include "tests/fuzz/tokens.h"

using namespace scalselect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::encode_with(fuzz::file_of("tokenizer.json", data, size));
  return 0;
}
