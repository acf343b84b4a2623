#include "experiments/pipeline/shared_parts.h"

#include <algorithm>
#include <utility>

#include "core/files.h"

namespace scalselect::pipeline {

SharedParts::SharedParts(Work work) : work_(std::move(work)) {
  for (std::int64_t part = 0; part < work_.count; ++part) {
    counted_.push_back(work_.finished(part));
    if (counted_.back()) done_ += work_.size(part);
  }
}

void SharedParts::take_free() {
  for (std::int64_t part = 0; part < work_.count; ++part) {
    if (!counted_[static_cast<std::size_t>(part)]) take(part, IfHeld::kGiveUp);
    see_finished_of_others();
  }
}

void SharedParts::await_others() {
  for (const auto part : std::exchange(busy_, {})) take(part, IfHeld::kWait);
}

void SharedParts::take(std::int64_t part, IfHeld held) {
  std::vector<Descriptor> locks;
  if (!work_.finished(part)) {
    for (const auto& file : work_.locks(part)) {
      ensure_folder(file.parent_path());
      locks.push_back(lock_file(file, LockKind::kExclusive, held));
      if (locks.back()) continue;
      busy_.push_back(part);
      return;
    }
  }
  before_ = done_;
  if (!work_.finished(part)) {
    work_.compute(part);
    computed_units_ += work_.size(part);
  }
  count(part);
}

void SharedParts::count(std::int64_t part) {
  const auto index = static_cast<std::size_t>(part);
  if (counted_[index]) return;
  counted_[index] = true;
  advance_to(before_ + work_.size(part));
}

void SharedParts::see_finished_of_others() {
  std::erase_if(busy_, [&](std::int64_t part) {
    if (!work_.finished(part)) return false;
    before_ = done_;
    count(part);
    return true;
  });
}

void SharedParts::advance_to(std::int64_t done) {
  if (done > done_) work_.advance(done - done_);
  done_ = std::max(done_, done);
}

}  // namespace scalselect::pipeline
