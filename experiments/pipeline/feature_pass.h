// One pass of a model over a pool, shared by all processes that run it at the same time on the same cache: each takes
// the next part of the rows that no other has taken, and those of a process that died are taken over.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/file_lock.h"
#include "core/log.h"
#include "data/pool.h"
#include "experiments/runs/warnings.h"
#include "selector/extraction.h"
#include "selector/feature_parts.h"

namespace scalselect::pipeline {

class FeaturePass {
 public:
  /// Fills the jobs' stores for the rows of a stretch.
  using Extract = std::function<void(const PoolStretch& rows, const std::vector<ExtractionJob>& jobs,
                                     const ExtractionOptions& options)>;

  /// `jobs`: stores that are put together later (StoreParts::join), in the same order in every process. `open` loads
  /// the model; it is called when there is a part to compute. `heard`: what this process warns of, which is kept with
  /// the parts it computes.
  FeaturePass(const Pool& pool, std::vector<ExtractionJob> jobs, std::function<Extract()> open, Warnings& heard);

  /// Computes the parts that no other process is at.
  void take_free_parts();
  /// Waits until the others have computed theirs; a part whose process has died is computed here.
  void await_others();
  /// Whether this process has computed anything.
  bool computed() const { return computed_; }

 private:
  std::int64_t rows_of(std::int64_t part) const { return parts_.front().end(part) - parts_.front().first(part); }
  bool finished(std::int64_t part) const;
  void take(std::int64_t part, IfHeld held);
  void compute(std::int64_t part);
  void show_finished_of_others();
  void advance_to(std::int64_t shown);

  const Pool& pool_;
  std::vector<ExtractionJob> jobs_;
  std::vector<StoreParts> parts_;  ///< parallel to the jobs
  std::function<Extract()> open_;
  Warnings& heard_;
  Extract extract_;
  PoolCursor cursor_;
  std::vector<bool> done_before_;  ///< of each part: an earlier attempt finished it
  std::optional<Progress> progress_;
  std::int64_t shown_ = 0;          ///< rows
  std::vector<std::int64_t> busy_;  ///< parts that other processes were at
  bool computed_ = false;
};

}  // namespace scalselect::pipeline
