#include "experiments/plan/pictures.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/picture_ref.h"

namespace scalselect::plan {

std::vector<std::int64_t> spread_rows(const Pool& pool) {
  constexpr std::int64_t kMostRows = 2000;
  std::vector<std::int64_t> rows;
  const auto step = std::max<std::int64_t>(1, pool.size() / kMostRows);
  for (std::int64_t row = 0; row < pool.size(); row += step) {
    if (pool.usable(row)) rows.push_back(row);
  }
  return rows;
}

std::optional<Check> picture_check(const std::string& what, const Pool& pool) {
  const auto rows = spread_rows(pool);
  std::size_t lacking = 0;
  std::string first;
  pool.for_each_of(rows, [&](Sample& sample) {
    const auto& images = sample.images;
    const auto missing = std::find_if_not(images.begin(), images.end(), picture_exists);
    if (missing == images.end()) return;
    if (lacking++ == 0) first = fmt::format("row {}: '{}'", sample.row, picture_file(*missing));
  });
  if (lacking == 0) return std::nullopt;
  const bool all = lacking == rows.size();
  return Check{
      all ? Check::State::kMissing : Check::State::kDoubt, what,
      fmt::format(
          "{} of {} rows that were looked at lack their picture, the first is {}{}",
          all ? std::string("all") : std::to_string(lacking), rows.size(), first,
          all ? fmt::format(". Set {}.image_root to the folder that the pictures' paths start from.", what) : "")};
}

}  // namespace scalselect::plan
