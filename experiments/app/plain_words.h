// The words of commands that compose no configuration: key=value, flags, and names such as run ids.
#pragma once

#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "experiments/app/commands.h"

namespace scalselect::app {

struct PlainCommand {
  const char* usage;  ///< the line that errors end with
  std::set<std::string> keys, flags;
  std::set<std::string> verbs = {};  ///< first names, for completion
};

/// Commands with plain words, by name. Parsing and completion read the same table.
const std::map<std::string, PlainCommand>& plain_commands();

struct PlainWords {
  std::map<std::string, std::string> values;
  std::set<std::string> flags;
  Words names;

  /// The value of `key`, or `fallback` where the key is not given.
  std::string value(const std::string& key, const std::string& fallback = {}) const;
  /// The store that is asked, store=FILE.
  std::string store() const { return value("store", "results/local/results.sqlite"); }
};

/// Takes `words` apart. Throws UserError(kUsage), with the usage of `command`, for a key or flag that it does not have
/// and for more names than `most_names`.
PlainWords parse_plain(const std::string& command, const Words& words, std::size_t most_names);

/// The values of `keys` as YAML would read them, so that options may be bound from them.
nlohmann::json values_of(const PlainWords& asked, std::initializer_list<const char*> keys);

/// Makes `threads` and `device` the process's, as inputs::Machine.
void use_machine(const PlainWords& asked);

/// Throws UserError(kUsage): `problem`, and the usage of `command`.
[[noreturn]] void refuse_plain(const std::string& command, const std::string& problem);

}  // namespace scalselect::app
