#include "data/picture_budget.h"

#include "core/check.h"

namespace scalselect {

void ByteBudget::acquire(std::int64_t bytes) {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [&] { return used_ == 0 || used_ + bytes <= limit_; });
  used_ += bytes;
}

void ByteBudget::release(std::int64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    used_ -= bytes;
  }
  freed_.notify_all();
}

void ByteClaim::acquire(std::int64_t bytes) {
  SCALSELECT_CHECK(bytes_ == 0);
  budget_.acquire(bytes);
  bytes_ = bytes;
}

void ByteClaim::shrink(std::int64_t bytes) {
  if (bytes >= bytes_) return;
  budget_.release(bytes_ - bytes);
  bytes_ = bytes;
}

}  // namespace scalselect
