// How much memory is left to this process.
#pragma once

#include <cstdint>
#include <optional>

namespace scalselect {

/// Bytes that a process can still take: free memory and swap as the kernel counts them, within the limit of its control
/// group. Nothing if the system does not say.
std::optional<std::int64_t> free_memory();

}  // namespace scalselect
