// A command's composed configuration, to be taken apart key by key.
#pragma once

#include <string>

#include "core/options.h"
#include "experiments/app/commands.h"

namespace scalselect::app {

/// A composed command with everything bound but what the command reads itself.
struct Bound {
  nlohmann::json tree;
  KeyOrigin origin;

  /// The group `key` as options, which leave the tree.
  template <class T>
  T take(const char* key) {
    T options = bind_options<T>(tree.value(key, nlohmann::json::object()), key, origin);
    tree.erase(key);
    return options;
  }
  nlohmann::json take_raw(const char* key) {
    auto value = tree.value(key, nlohmann::json());
    tree.erase(key);
    return value;
  }
};

/// Throws UserError(kUsage) if a mandatory value is missing, unless its top-level key is in `not_needed`.
Bound bind_composed(config::ComposedConfig composed, const Words& not_needed = {});

/// Composes `config_name` with the overrides; as bind_composed.
Bound bind_command(const Flags& flags, const std::string& config_name, const Words& not_needed = {});

}  // namespace scalselect::app
