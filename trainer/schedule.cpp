#include "trainer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace scalselect::trainer {

std::int64_t warmup_steps(double ratio, std::int64_t total) {
  return static_cast<std::int64_t>(std::ceil(ratio * static_cast<double>(total)));
}

double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t warmup, std::int64_t total) {
  if (step < warmup) return static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, warmup));
  const auto rest = static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  switch (schedule) {
    case Schedule::kCosine: {
      const double progress = static_cast<double>(step - warmup) / rest;
      return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
    }
    case Schedule::kLinear: return std::max(0.0, static_cast<double>(total - step) / rest);
    case Schedule::kConstant: return 1.0;
  }
  return 1.0;
}

}  // namespace scalselect::trainer
