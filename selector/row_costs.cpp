#include "selector/row_costs.h"

#include <string>

namespace scalselect {
namespace {

constexpr double kLeast = 16;  ///< a template's own tokens

}  // namespace

std::vector<WorkItem> row_costs(const Pool& pool) {
  std::vector<WorkItem> costs;
  costs.reserve(static_cast<std::size_t>(pool.size()));
  std::vector<std::string> before;
  pool.for_each([&](Sample& sample) {
    WorkItem item;
    item.joined = !sample.images.empty() && sample.images == before;
    std::size_t bytes = 0;
    for (const auto& turn : sample.turns) bytes += turn.text.size();
    item.cost = static_cast<float>(kLeast + estimated_tokens(item.joined ? 0 : sample.images.size(), bytes));
    costs.push_back(item);
    before = std::move(sample.images);
  });
  return costs;
}

}  // namespace scalselect
