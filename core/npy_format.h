// The header of a .npy array: a magic, a length, and a Python dictionary as text (numpy.lib.format).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/npz.h"

namespace scalselect {

/// Reads the header at the start of `bytes`. Throws UserError(kInput), naming `where`, for what npz.h does not support.
NpyArray parse_npy_header(std::string_view bytes, const std::string& where);

/// Header for an array in C order, padded so that the data begin at a multiple of 64.
std::string make_npy_header(std::string_view descr, const std::vector<std::int64_t>& shape);

/// Longest header that numpy or make_npy_header writes: enough to read before parsing.
inline constexpr std::int64_t kNpyHeaderLimit = 16384;

}  // namespace scalselect
