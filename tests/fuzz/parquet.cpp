// Parquet files: their rows, their pictures, and a subset of them.
#include <vector>

#include "core/log.h"
#include "data/parquet/file.h"
#include "data/parquet/pictures.h"
#include "data/parquet/rows.h"
#include "data/parquet/subset.h"
#include "tests/fuzz/input.h"

using namespace scalselect;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  set_log_level(LogLevel::kSilent);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::file_of("pool.parquet", data, size);
  fuzz::expect_value_or_refusal([&] {
    const pq::ParquetFile file(path);
    std::int64_t read = 0;
    constexpr std::int64_t kRows = 2000;  // a file may declare any number of rows that take no space
    fuzz::expect_value_or_refusal([&] {
      pq::ParquetRows rows(file, 0);
      for (RawRow row; read < kRows && rows.next(row); ++read) fuzz::require(row.json.size() >= 2);
    });
    for (const auto& column : file.pictures()) {
      for (const std::int64_t row : {std::int64_t{0}, file.rows() / 2, file.rows() - 1}) {
        if (row >= 0 && row < kRows) {
          fuzz::expect_value_or_refusal([&] { pq::read_picture(row, column.field, 0, path); });
        }
      }
    }
    std::vector<std::int64_t> chosen;
    for (std::int64_t row = 0; row < read; row += 2) chosen.push_back(row);
    pq::write_subset(file, chosen, path.parent_path() / "subset.parquet");
  });
  return 0;
}
