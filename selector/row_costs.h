// What the rows of a pool may cost a model, estimated before any model has run.
#pragma once

#include <vector>

#include "core/work_cut.h"
#include "data/pool.h"

namespace scalselect {

/// In text tokens, about: 576 (LLaVA-1.5's, whatever the model) for each picture, and a token for four bytes of text. A
/// row whose pictures are those of the row before it shares them, so it is joined to it and costs its text. Reads the
/// pool once. Throws as Pool::for_each.
std::vector<WorkItem> row_costs(const Pool& pool);

}  // namespace scalselect
