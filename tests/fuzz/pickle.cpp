// Pickles of state dicts, as they stand inside of mm_projector.bin.
#include "vlm/pickle.h"

#include "tests/fuzz/input.h"

using namespace scalselect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_value_or_refusal([&] {
    for (const auto& [name, tensor] : vlm::read_state_dict_pickle(fuzz::text(data, size), "input")) {
      fuzz::require(tensor.shape.size() == tensor.stride.size() && tensor.offset <= tensor.storage_size);
    }
  });
  return 0;
}
