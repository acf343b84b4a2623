// One pass of a model over a pool that fills every feature store a run needs.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "core/files.h"
#include "core/probes.h"
#include "data/pool.h"
#include "selector/feature_store.h"
#include "selector/features.h"

namespace scalselect {

/// One feature and the folder that receives it.
struct ExtractionJob {
  FeatureSpec spec;
  std::filesystem::path folder;
  StorePrecision precision = StorePrecision::kFloat32;  ///< wanted; see stored_precision
};

struct ExtractionOptions {
  std::int64_t batch_samples = 64;                    ///< samples handed to the probe at a time; never changes a result
  std::function<void(std::int64_t end)> on_progress;  ///< after each batch: rows before `end` are done; may be empty
  Durability durability = Durability::kSynced;        ///< of the finished stores
};

/// Rows first … end - 1 of a pool, and the cursor that reads them.
struct PoolStretch {
  const Pool& pool;
  PoolCursor& cursor;
  std::int64_t first, end;
};

/// Runs the probe once over those of the stretch's rows that some job still misses, appends to each job's store and
/// finishes all of them. Rows that the pool rejected are listed as rejects without asking the model. After a kill, a
/// restart continues where the slowest job stopped. Throws what the probe and the writers throw.
void extract_features(const PoolStretch& rows, FeatureProbe& probe, std::span<const ExtractionJob> jobs,
                      const ExtractionOptions& options = {});
/// Of the whole pool.
void extract_features(const Pool& pool, FeatureProbe& probe, std::span<const ExtractionJob> jobs,
                      const ExtractionOptions& options = {});

/// The same for gradients: jobs of ProjectedGradientSpec and GradientNormSpec, all at the model state of
/// `probe`.
void extract_gradients(const PoolStretch& rows, GradientProbe& probe, std::span<const ExtractionJob> jobs,
                       const ExtractionOptions& options = {});
void extract_gradients(const Pool& pool, GradientProbe& probe, std::span<const ExtractionJob> jobs,
                       const ExtractionOptions& options = {});

}  // namespace scalselect
