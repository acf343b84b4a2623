// Reading and printing configuration trees: YAML as OmegaConf and PyYAML do, one line as Python, its json module or the
// command line write it.
#pragma once

#include <string>

#include "experiments/config/value.h"

namespace scalselect::config {

/// Reads one YAML document with OmegaConf's scalar rules (YAML 1.1 booleans, underscores in numbers, sexagesimals, no
/// time stamps; quoted scalars are strings). Duplicate keys are refused, `<<` merges maps as PyYAML's does.
/// `file` is used in messages and origins. An empty document is an empty map; a lone string is a map to null.
/// Throws UserError(kUsage) naming file and line.
Value parse_yaml(const std::string& text, const std::string& file);

/// Block style as `OmegaConf.to_yaml` prints it (PyYAML's emitter at 80 columns, unicode kept), ending in a newline.
std::string to_yaml(const Value& value);

/// Python's `str(value)`: null is "None", true is "True", 1.0 is "1.0", containers are printed as Python prints them.
std::string python_str(const Value& value);
/// Python's `repr(value)`: strings quoted.
std::string python_repr(const Value& value);
/// Python's `json.dumps(value, ensure_ascii=False)`, with its NaN and Infinity.
std::string json_line(const Value& value);
/// The value part of an override that reads back as `value`, as Hydra writes it into the jobs of a sweep.
std::string override_text(const Value& value);

}  // namespace scalselect::config
