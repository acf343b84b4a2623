// Answers questions directly from a scene, by other code than the generator's: the question's key says what is asked.
#pragma once

#include <optional>
#include <string>

#include "data/mini/scene.h"

namespace scalselect::mini {

/// "color/shape=circle" -> "red". Nothing for keys that have no single word as answer (existence, descriptions).
std::optional<std::string> oracle(const Scene& scene, const std::string& key);

}  // namespace scalselect::mini
