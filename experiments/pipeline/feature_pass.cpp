#include "experiments/pipeline/feature_pass.h"

#include <algorithm>
#include <chrono>

#include "core/device.h"
#include "core/process_group.h"

namespace scalselect::pipeline {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

std::vector<StoreParts> parts_of(const std::vector<ExtractionJob>& jobs, const std::vector<WorkPart>& cut) {
  std::vector<StoreParts> parts;
  for (const auto& job : jobs) parts.emplace_back(job.folder, cut);
  return parts;
}

}  // namespace

FeaturePass::FeaturePass(const Pool& pool, std::vector<ExtractionJob> jobs, const std::vector<WorkPart>& cut,
                         std::function<Extract()> open, Warnings& heard)
    : pool_(pool),
      jobs_(std::move(jobs)),
      parts_(parts_of(jobs_, cut)),
      open_(std::move(open)),
      heard_(heard),
      cursor_(pool) {
  shared_.emplace(SharedParts::Work{
      .count = parts_.front().count(),
      .size = [this](std::int64_t part) { return parts_.front().end(part) - parts_.front().first(part); },
      .finished = [this](std::int64_t part) { return finished(part); },
      .locks =
          [this](std::int64_t part) {
            std::vector<std::filesystem::path> files;  // of every store: another process may need one of them only
            for (const auto& parts : parts_) files.push_back(parts.folder(part) / "lock");
            return files;
          },
      .compute = [this](std::int64_t part) { compute(part); },
      .advance = [this](std::int64_t more) { progress_->advance(more); },
  });
  progress_.emplace("extracting", "samples", pool.size(), shared_->done());
}

std::int64_t FeaturePass::batch_rows() {
  constexpr std::int64_t kOnGpu = 512;
  return compute_device().cuda ? kOnGpu : ExtractionOptions().batch_samples;
}

void FeaturePass::take_free_parts() {
  const auto begin = Clock::now();
  shared_->take_free();
  if (process_group().size == 1) return;
  log_info("features: this process read {} of {} samples, in {:.2f} s", shared_->computed_units(), pool_.size(),
           seconds_since(begin));
}

void FeaturePass::await_others() {
  const auto begin = Clock::now();
  shared_->await_others();
  if (process_group().size > 1) log_info("features: waited {:.2f} s for other processes", seconds_since(begin));
}

bool FeaturePass::finished(std::int64_t part) const {
  return std::all_of(parts_.begin(), parts_.end(), [&](const auto& parts) { return parts.finished(part); });
}

void FeaturePass::compute(std::int64_t part) {
  if (!extract_) extract_ = open_();
  std::vector<ExtractionJob> jobs;
  for (std::size_t i = 0; i < jobs_.size(); ++i)
    jobs.push_back({jobs_[i].spec, parts_[i].folder(part), jobs_[i].precision});
  const auto first = parts_.front().first(part), end = parts_.front().end(part);
  ExtractionOptions options;
  options.durability = parts_.front().durability(part);
  options.batch_samples = batch_rows();
  options.on_progress = [&](std::int64_t row) { shared_->within(row - first); };
  extract_({pool_, cursor_, first, end}, jobs, options);
  const nlohmann::json facts{{"warnings", heard_.take()}};
  for (const auto& parts : parts_) parts.finish(part, facts);
}

}  // namespace scalselect::pipeline
