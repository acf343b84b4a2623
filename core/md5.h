// MD5 of files: the sums by which others publish theirs, never an identity here (that is core/hash.h).
#pragma once

#include <filesystem>
#include <string>

namespace scalselect {

/// Lower-case hex of 32 characters. Throws UserError(kInput) if the file cannot be read.
std::string md5_file(const std::filesystem::path& file);

}  // namespace scalselect
