// Lists that name rows of a pool: published subsets, ids, row numbers, rankings, manifests.
#include "data/row_list.h"

#include <set>

#include "core/log.h"
#include "tests/fuzz/input.h"

using namespace scalselect;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  set_log_level(LogLevel::kSilent);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string kRow =
      R"({"id": "a", "image": "x.png", "conversations": [{"from": "human", "value": "?"}]})";
  static const std::string kRows =
      "[" + kRow + "," + kRow + R"(,{"id": 2, "messages": [{"role": "user", "content": "Q"}]}])";
  static const Pool pool(fuzz::file_of("pool.json", reinterpret_cast<const std::uint8_t*>(kRows.data()), kRows.size()));
  const auto file = fuzz::file_of("list", data, size);
  for (const bool skip : {false, true}) {
    for (const Pool* known : {&pool, static_cast<const Pool*>(nullptr)}) {
      fuzz::expect_value_or_refusal([&] {
        const auto rows = read_row_list(file, known, pool.size(), {KeyedBy::kAuto, skip}).rows;
        fuzz::require(!rows.empty() && std::set<std::int64_t>(rows.begin(), rows.end()).size() == rows.size());
        for (const auto row : rows) fuzz::require(row >= 0 && row < pool.size());
      });
    }
  }
  fuzz::expect_value_or_refusal([&] { is_ranking(file); });
  return 0;
}
