// What launchers need to start processes of this program.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"

namespace scalselect::launchers {

/// The words as exec takes them; they must outlive the list.
inline std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const auto& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

/// That the system refused to `what`, for the reason in errno.
inline UserError cannot(const char* what) {
  return UserError(ErrorKind::kEnvironment, fmt::format("Cannot {}: {}.", what, std::strerror(errno)),
                   "Check the limits of processes and open files.");
}

}  // namespace scalselect::launchers
