// The runs of a sweep in the result store, from start to end: whatever happens to one of them, its row says so.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "core/store.h"

namespace scalselect::pipeline {

/// Runs `body`. Returns what it throws, whatever the type, as one sentence (see failure_sentence); empty: nothing.
/// Warnings that are logged meanwhile are added to `warnings`, each once.
std::string attempt(const std::function<void()>& body, std::vector<std::string>& warnings);

class RunRecords {
 public:
  /// Opens the store.
  explicit RunRecords(std::filesystem::path file) : file_(std::move(file)), store_(file_) {}

  Store& store() { return store_; }

  std::string start(const RunStart& run);
  /// Records how a run ended and its warnings. Never throws: a store that cannot be written (a full disk) is named in
  /// the log, and `runs` shows the run as stale once the process is gone.
  void end(const std::string& id, const std::string& status, const std::string& error,
           const std::vector<std::string>& warnings);
  /// Marks the runs that were started here and have not ended as interrupted. For the thread of an InterruptGuard.
  void interrupt(const std::string& reason);

 private:
  std::filesystem::path file_;
  Store store_;
  std::mutex lock_;
  std::vector<std::string> open_;
};

}  // namespace scalselect::pipeline
