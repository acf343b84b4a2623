// Many pictures at once, and the files they become.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/mini/scene.h"

namespace scalselect::mini {

struct Picture {
  Scene scene;
  std::string noise_stream;  ///< name of the random stream that draws it
};

/// PNG bytes of each picture, drawn in parallel; the same whatever the number of threads.
std::vector<std::string> encode_pictures(const std::vector<Picture>& pictures, std::int64_t seed);

/// Writes without fsync (thousands of small files); callers publish a manifest last. Creates the folder.
/// Throws UserError(kEnvironment), naming the file.
void write_plain(const std::filesystem::path& file, std::string_view bytes);

}  // namespace scalselect::mini
