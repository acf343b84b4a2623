// Pictures in memory.
#pragma once

#include <cstdint>
#include <vector>

namespace scalselect {

/// 8-bit RGB, row-major, three bytes a pixel without gaps.
struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

}  // namespace scalselect
