// Locks among processes, also those of several machines that share a folder; a process that dies gives its locks back.
#pragma once

#include <filesystem>

#include "core/files.h"

namespace scalselect {

enum class LockKind { kShared, kExclusive };
enum class IfHeld { kWait, kGiveUp };

/// The lock on `file`, which is created, held until the descriptor is closed; an empty descriptor if another process
/// holds it and `held` is kGiveUp. Whoever removes the file must hold it exclusively: a lock counts only if the name
/// still leads to its file. Throws UserError(kEnvironment) if the file cannot be opened or its file system has no
/// locks.
Descriptor lock_file(const std::filesystem::path& file, LockKind kind, IfHeld held);

}  // namespace scalselect
