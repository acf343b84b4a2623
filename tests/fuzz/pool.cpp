// Pools: JSON arrays and JSON lines, in both spellings.
#include "data/pool.h"

#include "core/log.h"
#include "tests/fuzz/input.h"

using namespace scalselect;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  set_log_level(LogLevel::kSilent);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::file_of("pool.json", data, size);
  fuzz::expect_value_or_refusal([&] {
    const Pool pool(file);
    for (std::int64_t row = 0; row < pool.size(); ++row) {
      fuzz::require(!pool.raw(row).empty() && pool.sample(row).row == row);
      fuzz::require(pool.reject_reason(row).empty() != pool.sample(row).turns.empty());
    }
  });
  return 0;
}
