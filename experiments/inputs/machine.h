// What a command may use of the machine: the keys `threads` and `device`, which change how fast a result is computed;
// on another device its last digits may differ, nothing else.
#pragma once

#include <optional>
#include <string>

#include "core/device.h"
#include "core/options.h"
#include "core/parallel.h"

namespace scalselect::inputs {

struct Machine {
  std::optional<int> threads;         ///< unset: see thread_count()
  std::optional<std::string> device;  ///< unset: see compute_device()

  template <class Visitor>
  static void describe(Visitor& v, Machine& o) {
    v.field("threads", o.threads, "threads; null: every core this process may use", Range{1, 4096});
    v.field("device", o.device, "cpu, cuda or cuda:N; null: what SCALSELECT_DEVICE says, else cpu");
  }

  /// Makes them the process's. Throws UserError(kUsage) for a device that is not known.
  void use() const {
    if (threads) set_threads(*threads);
    if (device) set_device(parse_device(*device));
    else compute_device();  // an invalid SCALSELECT_DEVICE is reported at once
  }
};

}  // namespace scalselect::inputs
