// How this folder says that a configuration or a command line is wrong.
#pragma once

#include "core/error.h"

namespace scalselect::config {

[[noreturn]] inline void refuse(const std::string& problem, const std::string& remedy = {}) {
  throw UserError(ErrorKind::kUsage, problem, remedy);
}

}  // namespace scalselect::config
