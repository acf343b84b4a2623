// Texts and folders as users have them: byte order marks, other encodings, files that operating systems add.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect::eval {

/// The UTF-8 of a file, without a byte order mark. Throws UserError(kInput), naming the file and, where it is only some
/// of the text, the line: UTF-16, bytes that are not UTF-8, an HTML page or a Git LFS pointer in place of the file.
std::string read_text(const std::filesystem::path& file);

/// Throws UserError(kInput) if `text` begins as what a download leaves in place of a file: an HTML page, or a pointer
/// of Git LFS.
void refuse_other_downloads(std::string_view text, const std::filesystem::path& file);

/// Throws UserError(kInput), naming the line, if a part of a text, which begins on `line` (1-based), is not UTF-8.
void require_utf8(std::string_view part, const std::filesystem::path& file, std::size_t line);

/// The entries of a folder, by name, without hidden ones and those that macOS and Windows add by themselves ("._x",
/// "__MACOSX", "Thumbs.db", "desktop.ini").
std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder);

}  // namespace scalselect::eval
