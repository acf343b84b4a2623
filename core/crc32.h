// The checksum of zip files, gzip and PNG.
#pragma once

#include <cstdint>
#include <string_view>

namespace scalselect {

/// CRC-32 of `bytes`; `before`: that of the bytes in front of them, for a text that comes in pieces.
std::uint32_t crc32_of(std::string_view bytes, std::uint32_t before = 0);

}  // namespace scalselect
