// Texts and folders as people bring them: byte order marks, other encodings, what systems drop beside the files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace scalselect::eval {

/// The UTF-8 of a file, without a byte order mark. Throws UserError(kInput), naming the file and, where it is only some
/// of the text, the line: UTF-16, or bytes that are not UTF-8.
std::string read_text(const std::filesystem::path& file);

/// What a folder holds, by name, without hidden entries and what macOS and Windows add by themselves ("._x",
/// "__MACOSX", "Thumbs.db", "desktop.ini").
std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder);

}  // namespace scalselect::eval
