#include "baselines/answer_loss.h"

#include <algorithm>
#include <cassert>

namespace scalselect {

std::vector<double> mean_losses(const FeatureTable& table, const std::vector<std::int64_t>& rows, LossAverage average) {
  std::vector<double> losses;
  std::vector<float> loss(static_cast<std::size_t>(table.vectors->cols()));
  for (const auto row : rows) {
    const auto found = std::lower_bound(table.rows.begin(), table.rows.end(), row);
    assert(found != table.rows.end() && *found == row);
    table.vectors->read(found - table.rows.begin(), 1, loss.data());
    if (loss[1] == 0) losses.push_back(0);
    else losses.push_back(average == LossAverage::kTokens ? static_cast<double>(loss[0]) / loss[1] : loss[2]);
  }
  return losses;
}

}  // namespace scalselect
