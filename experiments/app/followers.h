// What processes say that do not lead their group (core/process_group.h).
#pragma once

#include "core/log.h"
#include "core/process_group.h"

namespace scalselect::app {

/// The end of a command in a process that has done its share; returns its exit code.
inline int leave() {
  const auto group = process_group();
  log_info("process {} of {}: nothing is left to begin; process 0 goes on", group.rank, group.size);
  return 0;
}

}  // namespace scalselect::app
