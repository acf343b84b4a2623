// Every lookup that a scene supports: a key, and the value that belongs to it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/rng.h"
#include "data/mini/facts.h"
#include "data/mini/scene.h"
#include "data/mini/things.h"

namespace scalselect::mini {

struct Lookup {
  FactType type{};
  std::vector<std::string> prompt;  ///< pieces without the ':' ("circle", "color"), in a random wording
  std::vector<std::string> answer;  ///< one piece, or a spelled word
  std::vector<std::string> domain;  ///< the possible values, including the answer; empty for words
};

/// All lookups that have exactly one right value, in a fixed order. True and false statements in equal numbers.
std::vector<Lookup> all_lookups(const Scene& scene, Rng& rng);

/// The type of "what is the `value` of the thing named by `key`", or nothing if that is never asked.
std::optional<FactType> attribute_fact(Attribute key, Attribute value);

/// "yes" or "no" is the answer.
bool is_yes_no(const Lookup& lookup);

}  // namespace scalselect::mini
