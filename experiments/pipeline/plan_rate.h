// How fast this model was trained before, from the runs that the store holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace scalselect::pipeline {

struct MeasuredRate {
  std::int64_t trainings = 0;      ///< that were computed, not taken from the cache
  double tokens = 0, seconds = 0;  ///< of all of them; the time includes opening the model and looking at pictures
  double tokens_per_second() const { return tokens / seconds; }
};

/// Of finished runs in `store` whose configuration names `model`; nothing if there are none, or no store.
std::optional<MeasuredRate> measured_training(const std::filesystem::path& store, const std::string& model);

}  // namespace scalselect::pipeline
