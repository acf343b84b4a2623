// The part of config.json that describes a decoder, shared by all architectures.
#pragma once

#include "vlm/config.h"
#include "vlm/json_reader.h"

namespace scalselect::vlm {

/// Keys that are absent keep the value of `defaults`. Throws UserError(kInput) for a wrong type, sizes that do not fit,
/// or an unsupported RoPE scaling.
LlamaConfig parse_text_config(const JsonReader& in, LlamaConfig defaults);

}  // namespace scalselect::vlm
