// Work in parts, shared by all processes that do it at the same time on the same cache: each takes the next part that
// no other has taken, and those of a process that died are taken over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "core/file_lock.h"

namespace scalselect::pipeline {

class SharedParts {
 public:
  struct Work {
    std::int64_t count = 0;                                                 ///< parts
    std::function<std::int64_t(std::int64_t)> size;                         ///< units of a part: rows, questions
    std::function<bool(std::int64_t)> finished;                             ///< by whatever process
    std::function<std::vector<std::filesystem::path>(std::int64_t)> locks;  ///< files to hold while it is computed
    std::function<void(std::int64_t)> compute;                              ///< afterwards it is finished
    /// Called when units are done, here or elsewhere, that were not before.
    std::function<void(std::int64_t more)> advance;
  };

  /// Counts what earlier attempts have finished.
  explicit SharedParts(Work work);

  std::int64_t done() const { return done_; }  ///< units
  /// To be called by `compute`: `units` of its part are done.
  void within(std::int64_t units) { advance_to(before_ + units); }

  /// Computes the parts that no other process is at, in order.
  void take_free();
  /// Waits until the others have computed theirs; a part whose process has died is computed here.
  void await_others();
  bool computed() const { return computed_units_ > 0; }  ///< whether this process has computed a part
  std::int64_t computed_units() const { return computed_units_; }

 private:
  void take(std::int64_t part, IfHeld held);
  void count(std::int64_t part);
  void see_finished_of_others();
  void advance_to(std::int64_t done);

  Work work_;
  std::vector<bool> counted_;       ///< of each part: it is in done_
  std::vector<std::int64_t> busy_;  ///< parts that other processes were at
  std::int64_t done_ = 0, before_ = 0, computed_units_ = 0;
};

}  // namespace scalselect::pipeline
