// The learning rate's schedule, as transformers/optimization.py computes it.
#pragma once

#include <cstdint>

#include "trainer/options.h"

namespace scalselect::trainer {

/// ceil(ratio * total), HF's TrainingArguments.get_warmup_steps.
std::int64_t warmup_steps(double ratio, std::int64_t total);

/// Factor on the peak rate for optimiser step `step` (0-based; the first step of a warm-up has factor 0).
/// kCosine: get_cosine_schedule_with_warmup; kLinear: get_linear_schedule_with_warmup; kConstant:
/// get_constant_schedule_with_warmup.
double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t warmup, std::int64_t total);

}  // namespace scalselect::trainer
