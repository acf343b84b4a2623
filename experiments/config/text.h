// Reading and printing configuration trees: YAML as OmegaConf and PyYAML do, JSON as Python's json module does.
#pragma once

#include <string>

#include "experiments/config/value.h"

namespace scalselect::config {

/// Reads one YAML document with OmegaConf's scalar rules (YAML 1.1 booleans, underscores in numbers, sexagesimals, no
/// time stamps; quoted scalars are strings). Duplicate keys are refused, `<<` merges maps as PyYAML's does.
/// `file` is used in messages and origins. An empty document is an empty map; a lone string is a map to null.
/// Throws UserError(kUsage) naming file and line.
Value parse_yaml(const std::string& text, const std::string& file);

/// One plain YAML scalar, typed by the rules above.
Value type_plain_scalar(const std::string& text);

/// Block style as `OmegaConf.to_yaml` prints it (PyYAML's emitter at 80 columns, unicode kept), ending in a newline.
std::string to_yaml(const Value& value);

/// Python's `json.dumps(value, indent=indent, ensure_ascii=False)`; indent < 0 prints one line. NaN and infinities are
/// printed as Python does (NaN, Infinity). Ends in a newline.
std::string to_json_text(const Value& value, int indent = 2);

}  // namespace scalselect::config
