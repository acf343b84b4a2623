// Worker processes on this machine, side by side: two single-threaded trainings of a small model do more than one with
// two threads, and a crash costs one job only.
#pragma once

#include <memory>

#include "experiments/launchers/launcher.h"

namespace scalselect::launchers {

std::unique_ptr<Launcher> make_local(const Workers& workers);

}  // namespace scalselect::launchers
