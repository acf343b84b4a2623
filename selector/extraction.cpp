#include "selector/extraction.h"

#include <algorithm>
#include <cassert>

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
  assert(found != list.end());
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

std::vector<Output> open_outputs(const FeatureProbe& probe, std::span<const ExtractionJob> jobs,
                                 const ExtractionOptions& options) {
  std::vector<Output> outputs;
  for (const auto& job : jobs) {
    FeatureStoreSpec spec;
    spec.cols = feature_width(job.spec, probe);
    // Counts and sums of losses are too large for half precision.
    const bool narrow =
        std::holds_alternative<AnswerLossSpec>(job.spec) || std::holds_alternative<TokenCountSpec>(job.spec);
    spec.precision = narrow ? StorePrecision::kFloat32 : options.precision;
    spec.feature = describe_feature(job.spec);
    FeatureWriter writer(job.folder, spec);
    if (!writer.complete()) outputs.push_back({&job, std::move(writer)});
  }
  return outputs;
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

void extract_features(const Pool& pool, FeatureProbe& probe, std::span<const ExtractionJob> jobs,
                      const ExtractionOptions& options) {
  auto outputs = open_outputs(probe, jobs, options);
  if (outputs.empty()) return;
  SignalRequest request;
  std::int64_t next = pool.size();
  for (const auto& output : outputs) {
    add_wish(output.job->spec, request);
    next = std::min(next, output.writer.next_row());
  }
  const auto record = [&](const SampleSignals& signals) {
    const auto& id = pool.sample(signals.row).id;
    for (auto& output : outputs) {
      if (signals.row < output.writer.next_row()) continue;
      const auto reason = why_not(output.job->spec, signals);
      if (!reason.empty()) output.writer.reject(signals.row, id, reason);
      else output.writer.append(signals.row, id, vector_of(output.job->spec, request, signals));
    }
  };
  while (next < pool.size()) {
    const auto end = std::min(pool.size(), next + options.batch_samples);
    std::vector<Sample> batch;
    const auto run = [&] {
      if (!batch.empty()) probe.observe(batch, request, record);
      batch.clear();
    };
    for (; next < end; ++next) {
      if (const auto reason = pool.reject_reason(next); !reason.empty()) {
        run();  // rows reach the writers in ascending order
        SampleSignals rejected;
        rejected.row = next;
        rejected.reject = reason;
        record(rejected);
      } else {
        batch.push_back(pool.sample(next));
      }
    }
    run();
    if (options.on_progress) options.on_progress(next, pool.size());
  }
  for (auto& output : outputs) output.writer.finish();
}

}  // namespace scalselect
