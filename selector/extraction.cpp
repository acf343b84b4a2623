#include "selector/extraction.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

#include "selector/feature_kinds.h"

namespace scalselect {
namespace {

/// A job and its writer.
struct Output {
  const ExtractionJob* job;
  FeatureWriter writer;
};

std::vector<FeatureSpec> specs_of(const std::vector<Output>& outputs) {
  std::vector<FeatureSpec> specs;
  for (const auto& output : outputs) specs.push_back(output.job->spec);
  return specs;
}

/// `width(spec)`: columns of a feature.
template <class Width>
std::vector<Output> open_outputs(std::span<const ExtractionJob> jobs, const Width& width) {
  std::vector<Output> outputs;
  for (const auto& job : jobs) {
    FeatureStoreSpec spec;
    spec.cols = width(job.spec);
    spec.precision = stored_precision(job.spec, job.precision);
    spec.feature = describe_feature(job.spec);
    FeatureWriter writer(job.folder, spec);
    if (!writer.complete()) outputs.push_back({&job, std::move(writer)});
  }
  return outputs;
}

/// The samples that the model has been handed, whose signals come back by row.
class BatchIds {
 public:
  void take(std::span<const Sample> batch) {
    ids_.clear();
    for (const auto& sample : batch) ids_.emplace(sample.row, sample.id);
  }
  const std::string& of(std::int64_t row) const { return ids_.at(row); }

 private:
  std::unordered_map<std::int64_t, std::string> ids_;
};

/// Walks the stretch from the first row that some output still misses: usable rows go to `observe` in batches, rows
/// that the pool rejected to the outputs, all in ascending order. Finishes the outputs.
void walk(const PoolStretch& rows, std::vector<Output>& outputs, const ExtractionOptions& options, BatchIds& ids,
          const std::function<void(std::span<const Sample>)>& observe) {
  const auto& pool = rows.pool;
  std::int64_t first = rows.end;
  for (const auto& output : outputs) first = std::min(first, std::max(rows.first, output.writer.next_row()));
  std::vector<Sample> batch;
  const auto flush = [&] {
    ids.take(batch);
    if (!batch.empty()) observe(batch);
    batch.clear();
  };
  std::int64_t end = first + options.batch_samples;  // of the rows whose usable ones are a batch
  rows.cursor.for_each(first, rows.end, [&](Sample& sample) {
    const auto row = sample.row;
    if (pool.usable(row)) {
      batch.push_back(std::move(sample));
    } else {
      flush();  // rows reach the writers in ascending order
      for (auto& output : outputs) output.writer.reject(row, sample.id, pool.reject_reason(row));
    }
    if (row + 1 < end && row + 1 < rows.end) return;
    flush();
    end = row + 1 + options.batch_samples;
    if (options.on_progress) options.on_progress(row + 1);
  });
  for (auto& output : outputs) output.writer.finish(options.durability);
}

/// `run` with all rows of a pool.
template <class Run>
void with_all_rows(const Pool& pool, const Run& run) {
  PoolCursor cursor(pool);
  run(PoolStretch{pool, cursor, 0, pool.size()});
}

}  // namespace

void extract_features(const PoolStretch& rows, FeatureProbe& probe, std::span<const ExtractionJob> jobs,
                      const ExtractionOptions& options) {
  auto outputs = open_outputs(jobs, [&](const FeatureSpec& spec) { return feature_width(spec, probe); });
  if (outputs.empty()) return;
  const auto request = request_for(specs_of(outputs));
  BatchIds ids;
  const auto record = [&](const SampleSignals& signals) {
    const auto& id = ids.of(signals.row);
    for (auto& output : outputs) {
      if (signals.row < output.writer.next_row()) continue;
      const auto reason = reject_reason(output.job->spec, signals);
      if (!reason.empty()) output.writer.reject(signals.row, id, reason);
      else output.writer.append(signals.row, id, vector_of(output.job->spec, request, signals));
    }
  };
  walk(rows, outputs, options, ids, [&](std::span<const Sample> batch) { probe.observe(batch, request, record); });
}

void extract_gradients(const PoolStretch& rows, GradientProbe& probe, std::span<const ExtractionJob> jobs,
                       const ExtractionOptions& options) {
  auto outputs = open_outputs(jobs, gradient_width);
  if (outputs.empty()) return;
  const auto request = gradient_request_for(specs_of(outputs));
  BatchIds ids;
  const auto record = [&](const SampleGradients& gradients) {
    const auto& id = ids.of(gradients.row);
    for (auto& output : outputs) {
      if (gradients.row < output.writer.next_row()) continue;
      if (!gradients.reject.empty()) output.writer.reject(gradients.row, id, gradients.reject);
      else output.writer.append(gradients.row, id, vector_of(output.job->spec, request, gradients));
    }
  };
  walk(rows, outputs, options, ids,
       [&](std::span<const Sample> batch) { probe.differentiate(batch, request, record); });
}

void extract_features(const Pool& pool, FeatureProbe& probe, std::span<const ExtractionJob> jobs,
                      const ExtractionOptions& options) {
  with_all_rows(pool, [&](const PoolStretch& rows) { extract_features(rows, probe, jobs, options); });
}

void extract_gradients(const Pool& pool, GradientProbe& probe, std::span<const ExtractionJob> jobs,
                       const ExtractionOptions& options) {
  with_all_rows(pool, [&](const PoolStretch& rows) { extract_gradients(rows, probe, jobs, options); });
}

}  // namespace scalselect
