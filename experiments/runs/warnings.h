// Warnings as facts: heard while something is made, kept with the artifact, said again when it comes from the cache.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "core/log_listener.h"

namespace scalselect::pipeline {

/// Hears what this process warns of while it lives.
class Warnings {
 public:
  /// `also` is called with each as it comes.
  explicit Warnings(std::function<void(const std::string& text)> also = {});
  /// Those since the last call, each once.
  std::vector<std::string> take();

 private:
  std::mutex lock_;
  std::vector<std::string> heard_;
  LogListener listener_;  // the last: it writes to the others
};

/// Appends what `known` does not hold yet.
void add_warnings(std::vector<std::string>& known, const std::vector<std::string>& more);

/// The fact `warnings` of a finished artifact (its meta.json); empty if it has none.
std::vector<std::string> remembered_warnings(const std::filesystem::path& folder);

}  // namespace scalselect::pipeline
