// The messages of errors, for tests.
#pragma once

#include <string>

#include "core/error.h"

namespace scalselect {

/// The message of the UserError that `body` throws; other exceptions pass through.
template <class Body>
std::string message_of(const Body& body) {
  try {
    body();
  } catch (const UserError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace scalselect
