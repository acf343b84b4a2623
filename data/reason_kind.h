// Reasons for which rows are left out, counted by kind.
#pragma once

#include <string>

namespace scalselect {

/// Reasons that differ only in what they quote and count are one: "id '…' was seen before in row #".
std::string reason_kind(const std::string& reason);

}  // namespace scalselect
