// YAML 1.1's implicit scalar types as PyYAML and OmegaConf apply them.
#pragma once

#include <string>

#include "experiments/config/value.h"

namespace scalselect::config {

/// One plain YAML scalar. Throws UserError for a number without digits ("0x_").
Value type_plain_scalar(const std::string& text);

/// True if PyYAML's plain resolver (time stamps, `=` and `<<` included) leaves the text a string.
bool resolves_to_string(const std::string& text);

/// Text that OmegaConf's dumper quotes: a YAML 1.1 boolean word, or whatever Python's int() or float() accepts.
bool looks_like_number_or_bool(const std::string& text);

}  // namespace scalselect::config
