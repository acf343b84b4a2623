// The constraints of a configuration, applied to a pool: the same for every command and for the pipeline.
#pragma once

#include "core/artifact_cache.h"
#include "experiments/inputs/pool.h"
#include "selector/choose.h"

namespace scalselect::inputs {

/// The rows of `pool` under `options`: lists are read, sources found, pictures compared by content. Throws
/// UserError(kInput) for a list that cannot be read or names rows that the pool does not have, and UserError(kUsage)
/// for a row that must be kept but was rejected or is excluded, a source that no usable row has, and a limit that is
/// given twice.
RowSet row_set(const OpenPool& pool, const ConstraintOptions& options, const ArtifactCache& cache);

}  // namespace scalselect::inputs
