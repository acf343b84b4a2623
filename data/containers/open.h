// The container of a file, recognised by its first bytes, never by its name.
#pragma once

#include <memory>

#include "data/containers/container.h"

namespace scalselect {

/// Throws UserError(kInput), naming the file: it cannot be read, is empty, or is in no known container.
std::unique_ptr<Container> open_container(const std::filesystem::path& file);

}  // namespace scalselect
