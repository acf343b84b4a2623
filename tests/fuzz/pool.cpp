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
    std::int64_t row = 0;
    pool.for_each([&](const Sample& sample) {
      fuzz::require(sample.row == row && pool.usable(row) == !sample.turns.empty());
      fuzz::require(pool.reject_reason(row).empty() == pool.usable(row));
      ++row;
    });
    fuzz::require(row == pool.size() && (!pool.usable(row - 1) || !pool.raw(row - 1).empty()));
  });
  return 0;
}
