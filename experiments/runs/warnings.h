// Warnings as data: collected while an artifact is made, kept with it, repeated when it comes from the cache.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/artifact_cache.h"
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

/// Logs them again, for the command that uses the artifact now.
void repeat_warnings(const std::filesystem::path& folder);

/// An artifact and whether the cache had it. If not, `fill(folder)` makes it, alone among all processes, and returns
/// the facts to keep with it; it may find what an earlier, killed attempt left. What is warned of meanwhile is kept
/// with the artifact, and logged again when the cache has it.
template <class Fill>
std::pair<std::filesystem::path, bool> ensure_artifact(const ArtifactCache& cache, const StageKey& key,
                                                       const Fill& fill) {
  const auto found = [&] {
    auto folder = cache.find(key);
    if (folder) repeat_warnings(*folder);
    return folder;
  };
  if (const auto folder = found()) return {*folder, true};
  auto work = cache.begin(key);
  if (const auto folder = found()) return {*folder, true};  // made by another process meanwhile
  Warnings collected;
  nlohmann::json facts = fill(work.folder());
  facts["warnings"] = collected.take();
  return {work.commit(facts), false};
}

}  // namespace scalselect::pipeline
