// Warnings as data: collected while an artifact is made, kept with it, repeated when it comes from the cache.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/log_listener.h"

namespace scalselect::pipeline {

/// Collects the warnings that this process logs during its life.
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

/// What a finished artifact's meta.json keeps of how it was made.
nlohmann::json artifact_facts(const std::filesystem::path& folder);

/// Its fact `warnings`; empty if it has none.
std::vector<std::string> remembered_warnings(const std::filesystem::path& folder);

}  // namespace scalselect::pipeline
