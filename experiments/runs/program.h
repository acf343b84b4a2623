// The running program, as manifests name it.
#pragma once

#include <nlohmann/json.hpp>

#include "experiments/build_info.h"

namespace scalselect::pipeline {

inline nlohmann::ordered_json program_facts() {
  return {{"name", "scalselect"},
          {"version", kBuildInfo.version},
          {"commit", kBuildInfo.commit},
          {"dirty", kBuildInfo.dirty},
          {"compiler", kBuildInfo.compiler}};
}

}  // namespace scalselect::pipeline
