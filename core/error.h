// Errors a user can cause, as one exception type.
//
// Throw `UserError` for whatever a user can fix: a file, a key, a budget. The message is one sentence that names the
// file (and the sample, key or line), what is wrong with it, and what to do. For bugs of the program there is
// SCALSELECT_CHECK (core/check.h).
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect {

/// What kind of thing went wrong; decides the exit code of the command line (see `exit_code`).
enum class ErrorKind {
  kUsage,        ///< command line or configuration
  kInput,        ///< an input file: pool, image, checkpoint, features
  kEnvironment,  ///< disk, permissions, memory, device
  kDiverged,     ///< a computation that became infinite or NaN
};

class UserError : public std::runtime_error {
 public:
  /// `problem`: what is wrong, naming the file or key. `remedy`: what to do about it (may be empty).
  UserError(ErrorKind kind, const std::string& problem, const std::string& remedy = {});

  ErrorKind kind() const noexcept { return kind_; }
  const std::string& problem() const noexcept { return problem_; }
  const std::string& remedy() const noexcept { return remedy_; }

 private:
  ErrorKind kind_;
  std::string problem_;
  std::string remedy_;
};

/// 2 for usage errors, 1 for everything else (130, an interrupt, is not an error).
int exit_code(ErrorKind kind) noexcept;

/// Up to `limit` of `candidates` that look like `word` (Ratcliff/Obershelp ratio >= 0.6, the measure of Python's
/// difflib, which Hydra users know), best first.
std::vector<std::string> nearest_names(std::string_view word, const std::vector<std::string>& candidates,
                                       std::size_t limit = 3);

/// " Did you mean 'a'?" / " Did you mean one of 'a', 'b'?" or an empty string.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace scalselect
