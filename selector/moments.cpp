#include "selector/moments.h"

#include <utility>

#include "core/check.h"
#include "core/parallel.h"
#include "selector/linalg.h"

namespace scalselect {
namespace {

constexpr std::int64_t kRowsAtOnce = 64;

}  // namespace

void Moments::merge(Moments next) {
  if (next.count == 0) return;
  if (count == 0) {
    *this = std::move(next);
    return;
  }
  SCALSELECT_CHECK(gram.rows() == next.gram.rows() && mean.size() == next.mean.size());
  parallel_blocks(gram.rows(), kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) gram.row(i).head(i + 1) += next.gram.row(i).head(i + 1);
  });
  if (mean.size() > 0) {
    const auto before = static_cast<double>(count), now = static_cast<double>(next.count), all = before + now;
    const Eigen::RowVectorXd step = next.mean - mean;
    add_outer(step.transpose(), before * now / all, gram);
    mean += step * (now / all);
  }
  count += next.count;
}

}  // namespace scalselect
