// One line a trainer, in registry.cpp.
#pragma once

#include "experiments/handover/trainer.h"

namespace scalselect::handover {

Trainer llamafactory();
Trainer ms_swift();
Trainer llava();

}  // namespace scalselect::handover
