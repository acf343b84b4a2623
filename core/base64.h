// Base64 with the standard alphabet (RFC 4648, section 4).
#pragma once

#include <string>
#include <string_view>

namespace scalselect {

/// With padding, no line breaks.
std::string encode_base64(std::string_view bytes);

/// Blanks and newlines are skipped, padding may be absent. Throws std::invalid_argument with a reason.
std::string decode_base64(std::string_view text);

}  // namespace scalselect
