// Images that a benchmark carries inside its file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace scalselect::eval {

/// A folder of images named by the SHA-256 of their bytes, so that equal images are one file.
class ImageCache {
 public:
  explicit ImageCache(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// Writes `bytes` (as they are, no re-encoding) unless the file is there already; returns its path. The extension
  /// follows the content (png, jpg, gif, webp, bmp). Throws std::invalid_argument if it is none of these.
  std::string store(std::string_view bytes) const;

 private:
  std::filesystem::path folder_;
};

/// Why the picture cannot be used ("its image FILE is missing", "… is cut short"), or an empty string. It is decoded to
/// find out, unless `decode` is false, its size is readable and its last bytes are those that its format ends with.
std::string picture_problem(const std::string& file, bool decode = false);

}  // namespace scalselect::eval
