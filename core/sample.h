// One row of an instruction-tuning pool, as every part of the project sees it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace scalselect {

enum class Role { kSystem, kUser, kAssistant };

struct Turn {
  Role role = Role::kUser;
  std::string text;  ///< UTF-8, as written in the pool (an `<image>` tag included)
};

/// A sample is keyed by its row in the pool; `id` is carried along and never trusted (ids repeat in real pools).
struct Sample {
  std::int64_t row = 0;             ///< 0-based position in the pool file
  std::string id;                   ///< the pool's own id as text; empty if it has none
  std::vector<std::string> images;  ///< paths ready to open (the pool's image root already applied)
  std::vector<Turn> turns;
  std::string source;  ///< where the sample came from, for analysis only: no method may read it, except as the task
                       ///< of a target sample
};

}  // namespace scalselect
