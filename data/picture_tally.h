// Pictures that cannot tell their samples apart: of one single colour, or with the pixels of another file.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "data/image.h"

namespace scalselect {

/// Counts decoded pictures by file. Thread-safe.
class PictureTally {
 public:
  void add(std::string_view file, const Image& image);

  /// One sentence with counts and first examples; empty if there is nothing to say.
  std::string summary() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::uint64_t> first_;  ///< hash of the pixels -> hash of the file's name
  std::unordered_set<std::uint64_t> plain_, repeated_;      ///< names' hashes
  std::string first_plain_, first_repeated_;
};

}  // namespace scalselect
