#include "experiments/app/bound_command.h"

namespace scalselect::app {

Bound bind_command(const Flags& flags, const std::string& config_name, const Words& not_needed) {
  if (flags.multirun) {
    throw UserError(ErrorKind::kUsage, "This command does one thing at a time and does not sweep (-m).",
                    "Give each key one value; `scalselect -m …` sweeps over whole runs.");
  }
  const auto composed = config::compose(request_for(flags, config_name));
  auto checked = composed;
  for (const auto& key : not_needed) checked.config.erase(key);
  config::require_complete(checked);
  return {checked.json(), checked.origin()};
}

}  // namespace scalselect::app
