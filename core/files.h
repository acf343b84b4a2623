// Whole files, written so that a crash never leaves half of one behind.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace scalselect {

/// Throws UserError(kInput), naming the file, if it cannot be read.
std::string read_file(const std::filesystem::path& file);

/// Writes to a sibling temporary file, fsyncs it, renames it into place (and fsyncs the folder). Creates parent
/// folders. A link is followed; a pipe or a device is written into. Throws UserError(kEnvironment) on a full disk or a
/// folder that cannot be written.
void write_file_atomically(const std::filesystem::path& file, std::string_view bytes);

/// As above for a file that `temporary` already holds in full: fsync, then rename.
void publish_file(const std::filesystem::path& temporary, const std::filesystem::path& file);

/// Throws UserError(kEnvironment) if `file` cannot be written later on: its folder, or the nearest that is there, is
/// not a folder or may not be written to, or `file` is a folder itself. Writes nothing. For a folder of outputs ask
/// about a file in it. To be called before long work.
void require_writable(const std::filesystem::path& file);

/// Creates a folder with its parents. Throws UserError(kEnvironment) if that is impossible.
void ensure_folder(const std::filesystem::path& folder);

}  // namespace scalselect
