// The files that the program needs besides itself: the configuration groups and the mini model.
//
// An installed program has them in `share/scalselect` of its prefix, wherever that was moved to; a program in a build
// folder has links to the source tree in `share/scalselect` next to it.
#pragma once

#include <filesystem>

namespace scalselect {

/// The folder of the running program's file.
std::filesystem::path program_folder();

/// The folder that holds `conf/` and `data/mini/model`. Throws UserError(kEnvironment) if there is none.
const std::filesystem::path& resource_folder();

}  // namespace scalselect
