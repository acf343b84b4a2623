// SentencePiece models: what is read must give a tokenizer that encodes.
#include "tests/fuzz/input.h"
#include "tests/fuzz/tokens.h"

using namespace scalselect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::encode_with(fuzz::file_of("tokenizer.model", data, size));
  return 0;
}
