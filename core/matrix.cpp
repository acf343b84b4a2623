#include "core/matrix.h"

#include <algorithm>

#include "core/check.h"

namespace scalselect {

void MemoryRows::read(std::int64_t first, std::int64_t count, float* out) const {
  SCALSELECT_CHECK(first >= 0 && first + count <= view_.rows);
  std::copy_n(view_.data + first * view_.cols, count * view_.cols, out);
}

}  // namespace scalselect
