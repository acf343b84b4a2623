// Tar shards: headers of every kind, samples, and pictures read in place.
#include "core/log.h"
#include "data/containers/webdataset.h"
#include "data/picture_ref.h"
#include "data/pool.h"
#include "tests/fuzz/input.h"

using namespace scalselect;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  set_log_level(LogLevel::kSilent);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::file_of("pool.tar", data, size);
  fuzz::expect_value_or_refusal([&] {
    const auto shard = open_webdataset(file);
    const auto cursor = shard->rows(0);
    std::int64_t rows = 0;
    for (RawRow row; cursor->next(row); ++rows) fuzz::require(row.json.empty() || row.unreadable.empty());
    fuzz::require(shard->rows(rows)->skip(1) == 0);
  });
  fuzz::expect_value_or_refusal([&] {
    const Pool pool(file);
    pool.for_each([&](const Sample& sample) {
      for (const auto& image : sample.images) {
        fuzz::expect_value_or_refusal([&] { fuzz::require(read_picture(image, 1 << 20).size() <= size); });
      }
    });
  });
  return 0;
}
