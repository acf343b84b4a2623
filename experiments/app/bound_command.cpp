#include "experiments/app/bound_command.h"

namespace scalselect::app {

Bound bind_composed(config::ComposedConfig composed, const Words& not_needed) {
  for (const auto& key : not_needed) composed.config.erase(key);
  config::require_complete(composed);
  return {composed.json(), composed.origin()};
}

Bound bind_command(const Flags& flags, const std::string& config_name, const Words& not_needed) {
  return bind_composed(config::compose(request_for(flags, config_name)), not_needed);
}

}  // namespace scalselect::app
