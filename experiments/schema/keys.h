// What every key of a command means, from the option structs, for `--help`.
#pragma once

#include <string>
#include <vector>

#include "experiments/config/compose.h"

namespace scalselect::schema {

/// A line about one key of a composed configuration.
struct KeyDoc {
  std::string name;    ///< "method.theta"
  std::string value;   ///< as it is composed; empty for a group of keys and for elements of a list
  std::string type;    ///< "mass | top_k | fraction | all", "a number"
  std::string help;    ///< empty if nothing is known about the key
  bool group = false;  ///< keys below it follow
};

/// All keys of `composed`, in its order. `command` is the command's own primary file ("select", "config" for `run`).
std::vector<KeyDoc> describe_keys(const std::string& command, const config::ComposedConfig& composed);

/// Whether a command has a group or a key of that name ("model", "budget").
bool is_setting(const std::string& name);

/// The body of `--help`: the groups that the command's defaults list names with their options, and every key.
std::string help_text(const std::string& command, const config::ComposeRequest& request,
                      const config::ComposedConfig& composed);

}  // namespace scalselect::schema
