// Checks of the program's own invariants, in every build. What a user can cause is a `UserError` (core/error.h).
#pragma once

#include <stdexcept>

namespace scalselect {

/// A broken invariant, that is, a bug; the message names the condition, the file and the line.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws InternalError("CONDITION does not hold (FILE:LINE)").
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace scalselect

/// Throws InternalError unless the condition holds. Stays on in release builds: put it before a loop, not inside one.
#define SCALSELECT_CHECK(...) \
  (static_cast<bool>(__VA_ARGS__) ? void() : ::scalselect::check_failed(#__VA_ARGS__, __FILE__, __LINE__))
