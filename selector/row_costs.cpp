#include "selector/row_costs.h"

#include <string>

namespace scalselect {
namespace {

constexpr double kPictureTokens = 576;
constexpr double kBytesAToken = 4;
constexpr double kLeast = 16;  ///< a template's own tokens

}  // namespace

std::vector<WorkItem> row_costs(const Pool& pool) {
  std::vector<WorkItem> costs;
  costs.reserve(static_cast<std::size_t>(pool.size()));
  std::vector<std::string> before;
  pool.for_each([&](Sample& sample) {
    WorkItem item;
    item.joined = !sample.images.empty() && sample.images == before;
    double tokens = kLeast;
    for (const auto& turn : sample.turns) tokens += static_cast<double>(turn.text.size()) / kBytesAToken;
    if (!item.joined) tokens += kPictureTokens * static_cast<double>(sample.images.size());
    item.cost = static_cast<float>(tokens);
    costs.push_back(item);
    before = std::move(sample.images);
  });
  return costs;
}

}  // namespace scalselect
