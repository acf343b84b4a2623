// Influence of pool rows on tasks, as gradient methods estimate it: the mean cosine between a row's gradient and those
// of the task's samples. It is linear in the latter, so their mean is taken first and no pair is ever formed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "selector/method.h"

namespace scalselect {

/// The first `parts` parts, between slashes, of a target sample's `source`; all of them if `parts` is 0.
std::string task_name(const std::string& source, int parts);

/// Target rows by task, tasks in alphabetical order.
struct TargetTasks {
  std::vector<std::string> names;
  std::vector<std::vector<std::int64_t>> rows;  ///< parallel to names; ascending
};
TargetTasks tasks_of(const TargetInput& target, int parts);

/// Means of vectors scaled to length 1 (zero vectors stay zero), one row per group: groups.size() x d, row-major.
std::vector<float> group_means(const FeatureTable& table, const std::vector<std::vector<std::int64_t>>& groups,
                               std::string_view method);

/// Inner products of each candidate's vector, scaled to length 1, with each of `directions` (K x d, row-major):
/// candidates x K, row-major. Reads the table in blocks: memory O(N K), not O(N d).
std::vector<double> mean_cosines(const FeatureTable& table, const std::vector<std::int64_t>& candidates,
                                 const std::vector<float>& directions, std::string_view method);

}  // namespace scalselect
