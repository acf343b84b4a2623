// Files that operating systems add to folders and archives by themselves.
#pragma once

#include <string_view>

namespace scalselect {

/// `name`: of a file or folder, without the path: hidden ones ("._x", ".DS_Store"), "__MACOSX", "Thumbs.db" and
/// "desktop.ini". Nobody put those there to be read.
inline bool is_system_file(std::string_view name) {
  return name.starts_with('.') || name == "__MACOSX" || name == "Thumbs.db" || name == "desktop.ini";
}

}  // namespace scalselect
