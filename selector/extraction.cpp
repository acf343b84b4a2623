#include "selector/extraction.h"

#include <algorithm>
#include <functional>

#include "core/check.h"
#include "selector/attention_pooling.h"

namespace scalselect {
namespace {

template <class T>
void add_once(std::vector<T>& list, const T& item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

template <class T>
std::size_t place_of(const std::vector<T>& list, const T& item) {
  const auto found = std::find(list.begin(), list.end(), item);
  SCALSELECT_CHECK(found != list.end());
  return static_cast<std::size_t>(found - list.begin());
}

void add_wish(const FeatureSpec& spec, SignalRequest& request) {
  if (const auto* pooled = std::get_if<PooledVisualSpec>(&spec)) add_once(request.early, pooled->states);
  if (const auto* mean = std::get_if<HiddenMeanSpec>(&spec)) add_once(request.hidden_means, *mean);
  request.tower_mean |= std::holds_alternative<TowerMeanSpec>(spec);
  if (const auto* loss = std::get_if<AnswerLossSpec>(&spec)) {
    (loss->alone ? request.lone_loss : request.answer_loss) = true;
  }
  request.token_counts |= std::holds_alternative<TokenCountSpec>(spec);
}

/// See AnswerLossSpec.
std::vector<float> loss_vector(const AnswerLoss& loss) {
  double turn_means = 0;
  std::int64_t turns = 0;
  for (std::size_t i = 0; i < loss.turn_sums.size(); ++i) {
    if (loss.turn_tokens[i] == 0) continue;
    turn_means += loss.turn_sums[i] / static_cast<double>(loss.turn_tokens[i]);
    ++turns;
  }
  const double mean = turns == 0 ? 0 : turn_means / static_cast<double>(turns);
  return {static_cast<float>(loss.sum), static_cast<float>(loss.tokens), static_cast<float>(mean),
          static_cast<float>(loss.error_norms)};
}

std::vector<float> count_vector(const TokenCounts& counts) {
  return {static_cast<float>(counts.user), static_cast<float>(counts.assistant), static_cast<float>(counts.all),
          static_cast<float>(counts.turns), static_cast<float>(counts.characters)};
}

const AnswerLoss& loss_of(const AnswerLossSpec& spec, const SampleSignals& signals) {
  return (spec.alone ? signals.lone_loss : signals.loss).value();
}

/// Why there is no vector of this kind, or an empty string.
std::string why_not(const FeatureSpec& spec, const SampleSignals& signals) {
  if (!signals.reject.empty()) return signals.reject;
  const auto* loss = std::get_if<AnswerLossSpec>(&spec);
  return loss != nullptr && loss_of(*loss, signals).tokens == 0 ? "no answer token" : "";
}

/// A job's writer and how far it is.
struct Output {
  const ExtractionJob* job;
  FeatureWriter writer;
};

/// `width(spec)`: columns of a feature.
template <class Width>
std::vector<Output> open_outputs(std::span<const ExtractionJob> jobs, const ExtractionOptions& options,
                                 const Width& width) {
  std::vector<Output> outputs;
  for (const auto& job : jobs) {
    FeatureStoreSpec spec;
    spec.cols = width(job.spec);
    // Counts, sums of losses and norms are too large for half precision.
    const bool narrow = std::holds_alternative<AnswerLossSpec>(job.spec) ||
                        std::holds_alternative<TokenCountSpec>(job.spec) ||
                        std::holds_alternative<GradientNormSpec>(job.spec);
    spec.precision = narrow ? StorePrecision::kFloat32 : options.precision;
    spec.feature = describe_feature(job.spec);
    FeatureWriter writer(job.folder, spec);
    if (!writer.complete()) outputs.push_back({&job, std::move(writer)});
  }
  return outputs;
}

/// Walks the pool from the first row that some output still misses: usable rows go to `observe` in batches, rows that
/// the pool refused to `refuse`, all in ascending order. Finishes the outputs.
void walk(const Pool& pool, std::vector<Output>& outputs, const ExtractionOptions& options,
          const std::function<void(std::span<const Sample>)>& observe,
          const std::function<void(std::int64_t row, const std::string& reason)>& refuse) {
  std::int64_t next = pool.size();
  for (const auto& output : outputs) next = std::min(next, output.writer.next_row());
  while (next < pool.size()) {
    const auto end = std::min(pool.size(), next + options.batch_samples);
    std::vector<Sample> batch;
    const auto run = [&] {
      if (!batch.empty()) observe(batch);
      batch.clear();
    };
    for (; next < end; ++next) {
      if (const auto reason = pool.reject_reason(next); !reason.empty()) {
        run();  // rows reach the writers in ascending order
        refuse(next, reason);
      } else {
        batch.push_back(pool.sample(next));
      }
    }
    run();
    if (options.on_progress) options.on_progress(next, pool.size());
  }
  for (auto& output : outputs) output.writer.finish();
}

}  // namespace

SignalRequest request_for(std::span<const FeatureSpec> specs) {
  SignalRequest request;
  for (const auto& spec : specs) add_wish(spec, request);
  return request;
}

std::int64_t feature_width(const FeatureSpec& spec, const FeatureProbe& probe) {
  if (std::holds_alternative<TowerMeanSpec>(spec)) return probe.tower_size();
  if (std::holds_alternative<AnswerLossSpec>(spec)) return 4;
  if (std::holds_alternative<TokenCountSpec>(spec)) return 5;
  return probe.hidden_size();
}

std::vector<float> vector_of(const FeatureSpec& spec, const SignalRequest& request, const SampleSignals& signals) {
  if (const auto* pooled = std::get_if<PooledVisualSpec>(&spec)) {
    return pool_visual(signals.early[place_of(request.early, pooled->states)], *pooled);
  }
  if (const auto* mean = std::get_if<HiddenMeanSpec>(&spec)) {
    return signals.hidden_means[place_of(request.hidden_means, *mean)];
  }
  if (std::holds_alternative<TowerMeanSpec>(spec)) return signals.tower_mean;
  if (const auto* loss = std::get_if<AnswerLossSpec>(&spec)) return loss_vector(loss_of(*loss, signals));
  return count_vector(signals.counts.value());
}

GradientRequest gradient_request_for(std::span<const FeatureSpec> specs) {
  GradientRequest request;
  for (const auto& spec : specs) {
    if (const auto* projected = std::get_if<ProjectedGradientSpec>(&spec)) {
      add_once(request.sketches, projected->gradient);
    }
    request.norm |= std::holds_alternative<GradientNormSpec>(spec);
  }
  return request;
}

void extract_features(const Pool& pool, FeatureProbe& probe, std::span<const ExtractionJob> jobs,
                      const ExtractionOptions& options) {
  auto outputs = open_outputs(jobs, options, [&](const FeatureSpec& spec) { return feature_width(spec, probe); });
  if (outputs.empty()) return;
  SignalRequest request;
  for (const auto& output : outputs) add_wish(output.job->spec, request);
  const auto record = [&](const SampleSignals& signals) {
    const auto& id = pool.sample(signals.row).id;
    for (auto& output : outputs) {
      if (signals.row < output.writer.next_row()) continue;
      const auto reason = why_not(output.job->spec, signals);
      if (!reason.empty()) output.writer.reject(signals.row, id, reason);
      else output.writer.append(signals.row, id, vector_of(output.job->spec, request, signals));
    }
  };
  walk(
      pool, outputs, options, [&](std::span<const Sample> batch) { probe.observe(batch, request, record); },
      [&](std::int64_t row, const std::string& reason) {
        SampleSignals rejected;
        rejected.row = row;
        rejected.reject = reason;
        record(rejected);
      });
}

void extract_gradients(const Pool& pool, GradientProbe& probe, std::span<const ExtractionJob> jobs,
                       const ExtractionOptions& options) {
  auto outputs = open_outputs(jobs, options, [](const FeatureSpec& spec) -> std::int64_t {
    const auto* projected = std::get_if<ProjectedGradientSpec>(&spec);
    return projected != nullptr ? projected->gradient.sketch.dim : 1;
  });
  if (outputs.empty()) return;
  std::vector<FeatureSpec> specs;
  for (const auto& output : outputs) specs.push_back(output.job->spec);
  const auto request = gradient_request_for(specs);
  const auto record = [&](const SampleGradients& gradients) {
    const auto& id = pool.sample(gradients.row).id;
    for (auto& output : outputs) {
      if (gradients.row < output.writer.next_row()) continue;
      const auto* projected = std::get_if<ProjectedGradientSpec>(&output.job->spec);
      if (!gradients.reject.empty()) {
        output.writer.reject(gradients.row, id, gradients.reject);
      } else if (projected != nullptr) {
        output.writer.append(gradients.row, id, gradients.sketches[place_of(request.sketches, projected->gradient)]);
      } else {
        const auto norm = static_cast<float>(gradients.norm);
        output.writer.append(gradients.row, id, {&norm, 1});
      }
    }
  };
  walk(
      pool, outputs, options, [&](std::span<const Sample> batch) { probe.differentiate(batch, request, record); },
      [&](std::int64_t row, const std::string& reason) {
        SampleGradients rejected;
        rejected.row = row;
        rejected.reject = reason;
        record(rejected);
      });
}

}  // namespace scalselect
