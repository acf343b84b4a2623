// Receiving what is logged besides printing it: warnings belong to the run that caused them.
#pragma once

#include <functional>
#include <string>

#include "core/log.h"

namespace scalselect {

/// While one lives, every message is handed to `listener` as well, in the thread that logs it and whatever the log
/// level. All that live hear it. A listener must not log, nor begin or end to listen.
class LogListener {
 public:
  using Listener = std::function<void(LogLevel, const std::string& text)>;
  explicit LogListener(Listener listener);
  ~LogListener();
  LogListener(const LogListener&) = delete;
  LogListener& operator=(const LogListener&) = delete;

 private:
  Listener listener_;
};

}  // namespace scalselect
