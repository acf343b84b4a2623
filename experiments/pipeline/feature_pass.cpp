#include "experiments/pipeline/feature_pass.h"

#include <algorithm>

namespace scalselect::pipeline {
namespace {

std::vector<StoreParts> parts_of(const std::vector<ExtractionJob>& jobs, std::int64_t rows) {
  std::vector<StoreParts> parts;
  for (const auto& job : jobs) parts.emplace_back(job.folder, rows);
  return parts;
}

}  // namespace

FeaturePass::FeaturePass(const Pool& pool, std::vector<ExtractionJob> jobs, std::function<Extract()> open,
                         Warnings& heard)
    : pool_(pool),
      jobs_(std::move(jobs)),
      parts_(parts_of(jobs_, pool.size())),
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
  options.on_progress = [&](std::int64_t row) { shared_->within(row - first); };
  extract_({pool_, cursor_, first, end}, jobs, options);
  const nlohmann::json facts{{"warnings", heard_.take()}};
  for (const auto& parts : parts_) parts.finish(part, facts);
}

}  // namespace scalselect::pipeline
