// The commented example of a user's own benchmark, which `scalselect eval template` prints.
#pragma once

#include <string>

namespace scalselect {

/// YAML of one option of the group `eval`, valid as it stands. docs/custom_benchmark.md explains every key.
std::string custom_template();

}  // namespace scalselect
