#include "experiments/pipeline/feature_pass.h"

#include <algorithm>

#include "core/files.h"

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
  for (std::int64_t part = 0; part < parts_.front().count(); ++part) {
    done_before_.push_back(finished(part));
    if (done_before_.back()) shown_ += rows_of(part);
  }
  progress_.emplace("extracting", "samples", pool.size(), shown_);
}

void FeaturePass::take_free_parts() {
  for (std::int64_t part = 0; part < parts_.front().count(); ++part) {
    if (!done_before_[static_cast<std::size_t>(part)]) take(part, IfHeld::kGiveUp);
    show_finished_of_others();
  }
}

void FeaturePass::await_others() {
  for (const auto part : std::exchange(busy_, {})) take(part, IfHeld::kWait);
}

bool FeaturePass::finished(std::int64_t part) const {
  return std::all_of(parts_.begin(), parts_.end(), [&](const auto& parts) { return parts.finished(part); });
}

void FeaturePass::take(std::int64_t part, IfHeld held) {
  std::vector<Descriptor> locks;  // of every store, since another process may need one of them only
  if (!finished(part)) {
    for (const auto& parts : parts_) {
      ensure_folder(parts.folder(part));
      locks.push_back(lock_file(parts.folder(part) / "lock", LockKind::kExclusive, held));
      if (locks.back()) continue;
      busy_.push_back(part);
      return;
    }
  }
  const auto before = shown_;
  if (!finished(part)) compute(part);
  advance_to(before + rows_of(part));
}

void FeaturePass::compute(std::int64_t part) {
  if (!extract_) extract_ = open_();
  computed_ = true;
  std::vector<ExtractionJob> jobs;
  for (std::size_t i = 0; i < jobs_.size(); ++i) jobs.push_back({jobs_[i].spec, parts_[i].folder(part)});
  const auto first = parts_.front().first(part), end = parts_.front().end(part), before = shown_;
  ExtractionOptions options;
  options.on_progress = [&](std::int64_t row) { advance_to(before + row - first); };
  extract_({pool_, cursor_, first, end}, jobs, options);
  const nlohmann::json facts{{"warnings", heard_.take()}};
  for (const auto& parts : parts_) parts.finish(part, facts);
}

void FeaturePass::show_finished_of_others() {
  std::erase_if(busy_, [&](std::int64_t part) {
    const bool done = finished(part);
    if (done) advance_to(shown_ + rows_of(part));
    return done;
  });
}

void FeaturePass::advance_to(std::int64_t shown) {
  if (shown > shown_) progress_->advance(shown - shown_);
  shown_ = std::max(shown_, shown);
}

}  // namespace scalselect::pipeline
