#include "selector/extraction.h"

#include <algorithm>
#include <functional>

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
std::vector<Output> open_outputs(std::span<const ExtractionJob> jobs, const ExtractionOptions& options,
                                 const Width& width) {
  std::vector<Output> outputs;
  for (const auto& job : jobs) {
    FeatureStoreSpec spec;
    spec.cols = width(job.spec);
    spec.precision = needs_float32(job.spec) ? StorePrecision::kFloat32 : options.precision;
    spec.feature = describe_feature(job.spec);
    FeatureWriter writer(job.folder, spec);
    if (!writer.complete()) outputs.push_back({&job, std::move(writer)});
  }
  return outputs;
}

/// Walks the pool from the first row that some output still misses: usable rows go to `observe` in batches, rows that
/// the pool rejected to the outputs, all in ascending order. Finishes the outputs.
void walk(const Pool& pool, std::vector<Output>& outputs, const ExtractionOptions& options,
          const std::function<void(std::span<const Sample>)>& observe) {
  std::int64_t next = pool.size();
  for (const auto& output : outputs) next = std::min(next, output.writer.next_row());
  while (next < pool.size()) {
    const auto end = std::min(pool.size(), next + options.batch_samples);
    std::vector<Sample> batch;
    const auto flush = [&] {
      if (!batch.empty()) observe(batch);
      batch.clear();
    };
    for (; next < end; ++next) {
      if (const auto reason = pool.reject_reason(next); !reason.empty()) {
        flush();  // rows reach the writers in ascending order
        for (auto& output : outputs) output.writer.reject(next, pool.sample(next).id, reason);
      } else {
        batch.push_back(pool.sample(next));
      }
    }
    flush();
    if (options.on_progress) options.on_progress(next, pool.size());
  }
  for (auto& output : outputs) output.writer.finish();
}

}  // namespace

void extract_features(const Pool& pool, FeatureProbe& probe, std::span<const ExtractionJob> jobs,
                      const ExtractionOptions& options) {
  auto outputs = open_outputs(jobs, options, [&](const FeatureSpec& spec) { return feature_width(spec, probe); });
  if (outputs.empty()) return;
  const auto request = request_for(specs_of(outputs));
  const auto record = [&](const SampleSignals& signals) {
    const auto& id = pool.sample(signals.row).id;
    for (auto& output : outputs) {
      if (signals.row < output.writer.next_row()) continue;
      const auto reason = reject_reason(output.job->spec, signals);
      if (!reason.empty()) output.writer.reject(signals.row, id, reason);
      else output.writer.append(signals.row, id, vector_of(output.job->spec, request, signals));
    }
  };
  walk(pool, outputs, options, [&](std::span<const Sample> batch) { probe.observe(batch, request, record); });
}

void extract_gradients(const Pool& pool, GradientProbe& probe, std::span<const ExtractionJob> jobs,
                       const ExtractionOptions& options) {
  auto outputs = open_outputs(jobs, options, gradient_width);
  if (outputs.empty()) return;
  const auto request = gradient_request_for(specs_of(outputs));
  const auto record = [&](const SampleGradients& gradients) {
    const auto& id = pool.sample(gradients.row).id;
    for (auto& output : outputs) {
      if (gradients.row < output.writer.next_row()) continue;
      if (!gradients.reject.empty()) output.writer.reject(gradients.row, id, gradients.reject);
      else output.writer.append(gradients.row, id, vector_of(output.job->spec, request, gradients));
    }
  };
  walk(pool, outputs, options, [&](std::span<const Sample> batch) { probe.differentiate(batch, request, record); });
}

}  // namespace scalselect
