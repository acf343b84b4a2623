// Interpolation: `${a.b}`, `${.sibling}`, `${list[0]}`, `${resolver:args}`, nested, by OmegaConf 2.3's grammar.
//
// Resolvers: oc.env, oc.decode, oc.select, oc.create, oc.dict.keys, oc.dict.values, now, hydra.
#pragma once

#include <optional>
#include <string>

#include "experiments/config/value.h"

namespace scalselect::config {

/// What the tree does not know itself.
struct ResolveContext {
  Value hydra;                    ///< answers `${hydra:…}` and `${hydra.…}`
  bool keep_environment = false;  ///< `${oc.env:NAME}` stays as it is written, for records that hold no secrets
};

/// Checks the grammar of a string that holds `${`. Throws UserError(kUsage).
void check_interpolation(const std::string& text);

/// The whole tree with every interpolation replaced by its value; `???` stays. Throws UserError(kUsage) naming the full
/// key of the reader and the key sought, also for cycles.
Value resolve(const Value& root, const ResolveContext& context = {});

/// One node (a dotted path) with its interpolations resolved; nullopt if it does not exist.
std::optional<Value> resolve_path(const Value& root, const std::string& path, const ResolveContext& context = {});

}  // namespace scalselect::config
