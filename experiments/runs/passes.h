// How often a selection ran the model, counted in samples: the cost that does not depend on machine or cache.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "experiments/pipeline/stages.h"

namespace scalselect::pipeline {

class PassCounter {
 public:
  /// Adds what `specs` took of one pool, as if nothing had been cached: one forward pass per row for all features that
  /// read the forward pass together, a forward and a backward pass per row for each state at which gradients are
  /// taken, and those of warm-ups (each once, whichever pools it serves). Rows without a vector are not counted.
  void add(const std::vector<FeatureSpec>& specs, const FeatureBundle& bundle);

  std::int64_t forward() const { return forward_; }
  std::int64_t backward() const { return backward_; }

 private:
  std::int64_t forward_ = 0, backward_ = 0;
  std::set<std::string> warm_ups_;
};

}  // namespace scalselect::pipeline
