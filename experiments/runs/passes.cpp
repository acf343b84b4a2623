#include "experiments/runs/passes.h"

#include <algorithm>
#include <map>

#include "core/files.h"
#include "selector/feature_kinds.h"

namespace scalselect::pipeline {
namespace {

/// Samples that a warm-up trained on, every epoch counted.
std::int64_t samples_trained(const GradientOptions& options, const StageRecord& warm_up) {
  const auto rows = read_file(warm_up.folder / "rows.txt");
  return options.warm_up.epochs * std::count(rows.begin(), rows.end(), '\n');
}

}  // namespace

void PassCounter::add(const std::vector<FeatureSpec>& specs, const FeatureBundle& bundle) {
  std::map<std::string, std::int64_t> gradients;  // by state: rows
  std::int64_t plain = 0;
  for (const auto& spec : specs) {
    const auto text = describe_feature(spec).dump();
    const auto rows = static_cast<std::int64_t>(bundle.tables.at(text).rows.size());
    const auto* point = gradient_point(spec);
    if (point == nullptr) {
      if (needs_forward_pass(spec)) plain = std::max(plain, rows);
      continue;
    }
    auto& counted = gradients[describe_point(*point).dump()];
    counted = std::max(counted, rows);
    const auto warm_up = bundle.warm_ups.find(text);
    if (warm_up == bundle.warm_ups.end() || !warm_ups_.insert(warm_up->second.row.key).second) continue;
    const auto samples = samples_trained(point->options, warm_up->second);
    forward_ += samples;
    backward_ += samples;
  }
  forward_ += plain;
  for (const auto& [state, rows] : gradients) {
    forward_ += rows;
    backward_ += rows;
  }
}

}  // namespace scalselect::pipeline
