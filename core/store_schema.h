// Steps that bring a result store from an empty file to today's schema, in order; never edit a step that was released.
#pragma once

#include <span>

namespace scalselect {

/// SQLite application id of the store's files ("SSel").
inline constexpr int kStoreApplicationId = 0x5353656c;

/// Step i brings `user_version` from i to i + 1.
std::span<const char* const> store_migrations();

}  // namespace scalselect
