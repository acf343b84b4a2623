// Merging configurations and applying overrides to them, by OmegaConf's rules.
#pragma once

#include <string>

#include "experiments/config/override.h"
#include "experiments/config/value.h"

namespace scalselect::config {

/// Merges the tree of one file into `root`: maps merge, everything else is replaced, `???` never replaces a value, a
/// map that meets an interpolation of a map merges into a copy of it. Throws UserError for a map that meets a list.
void merge_into(Value& root, const Value& source);

/// `value` placed under a dotted package ("" = as it is).
Value under_package(Value value, const std::string& package);

/// Applies one override to a composed, closed configuration. `unknown_key_hint(key)` may say where a missing key would
/// be defined. Throws UserError with Hydra's text.
void apply_override(Value& root, const Override& override,
                    const std::function<std::string(const std::string& key)>& unknown_key_hint = {});

}  // namespace scalselect::config
