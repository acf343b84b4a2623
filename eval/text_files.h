// Texts and folders as users have them: byte order marks, other encodings, files that operating systems add.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace scalselect::eval {

/// The UTF-8 of a file, without a byte order mark. Throws UserError(kInput), naming the file and, where it is only some
/// of the text, the line: UTF-16, or bytes that are not UTF-8.
std::string read_text(const std::filesystem::path& file);

/// The entries of a folder, by name, without hidden ones and those that macOS and Windows add by themselves ("._x",
/// "__MACOSX", "Thumbs.db", "desktop.ini").
std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder);

}  // namespace scalselect::eval
