// eval template: the file with which a user describes a benchmark of their own.
#include <fmt/format.h>

#include "core/error.h"
#include "experiments/app/eval_command.h"
#include "experiments/custom_template.h"

namespace scalselect::app {

int eval_template(const Words& words) {
  if (!words.empty()) {
    throw UserError(ErrorKind::kUsage, fmt::format("`eval template` takes no '{}'.", words[0]),
                    "It prints the file: scalselect eval template > eval/NAME.yaml");
  }
  fmt::print("{}", custom_template());
  return 0;
}

}  // namespace scalselect::app
