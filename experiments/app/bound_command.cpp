#include "experiments/app/bound_command.h"

namespace scalselect::app {

Bound bind_command(const Flags& flags, const std::string& config_name, const Words& not_needed) {
  const auto composed = config::compose(request_for(flags, config_name));
  auto checked = composed;
  for (const auto& key : not_needed) checked.config.erase(key);
  config::require_complete(checked);
  return {checked.json(), checked.origin()};
}

}  // namespace scalselect::app
