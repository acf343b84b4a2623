#include "experiments/app/bound_command.h"

namespace scalselect::app {

bool is_given(const Flags& flags, const std::string& config_name, const std::string& key) {
  const auto composed = config::compose(request_for(flags, config_name));
  if (config::find_path(composed.config, key) == nullptr) return false;
  const auto tree = composed.json();
  const nlohmann::json* at = &tree;
  for (const auto& step : config::split_path(key)) at = &at->at(step);
  return !at->is_null() && *at != "???";
}

Bound bind_command(const Flags& flags, const std::string& config_name, const Words& not_needed) {
  const auto composed = config::compose(request_for(flags, config_name));
  auto checked = composed;
  for (const auto& key : not_needed) checked.config.erase(key);
  config::require_complete(checked);
  return {checked.json(), checked.origin()};
}

}  // namespace scalselect::app
