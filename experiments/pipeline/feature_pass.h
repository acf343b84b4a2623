// One pass of a model over a pool, its rows shared out among the processes that make it at the same time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/log.h"
#include "data/pool.h"
#include "experiments/pipeline/shared_parts.h"
#include "experiments/runs/warnings.h"
#include "selector/extraction.h"
#include "selector/feature_parts.h"

namespace scalselect::pipeline {

class FeaturePass {
 public:
  /// Fills the jobs' stores for the rows of a stretch.
  using Extract = std::function<void(const PoolStretch& rows, const std::vector<ExtractionJob>& jobs,
                                     const ExtractionOptions& options)>;

  /// `jobs`: stores that are put together later (StoreParts::join), in the same order in every process, whose rows are
  /// all cut as `cut` says. `open` loads the model; it is called when there is a part to compute. `heard`: what this
  /// process warns of, which is kept with the parts it computes.
  FeaturePass(const Pool& pool, std::vector<ExtractionJob> jobs, const std::vector<WorkPart>& cut,
              std::function<Extract()> open, Warnings& heard);
  FeaturePass(const FeaturePass&) = delete;
  FeaturePass& operator=(const FeaturePass&) = delete;

  /// Rows handed to the model at a time. On a GPU more: those of one call share its products, and it idles at a call's
  /// ends.
  static std::int64_t batch_rows();

  /// Both say how long they took where there are several processes.
  void take_free_parts();
  void await_others();
  /// Whether this process has computed anything.
  bool computed() const { return shared_->computed(); }

 private:
  bool finished(std::int64_t part) const;
  void compute(std::int64_t part);

  const Pool& pool_;
  std::vector<ExtractionJob> jobs_;
  std::vector<StoreParts> parts_;  ///< parallel to the jobs
  std::function<Extract()> open_;
  Warnings& heard_;
  Extract extract_;
  PoolCursor cursor_;
  std::optional<SharedParts> shared_;
  std::optional<Progress> progress_;
};

}  // namespace scalselect::pipeline
