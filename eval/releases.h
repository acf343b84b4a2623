// Which release of a benchmark a file is: digests of the files that VLMEvalKit distributes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace scalselect::eval {

/// A file as it was published.
struct Release {
  const char* file;        ///< its name, "MMBench_DEV_EN.tsv"
  const char* md5;         ///< lower-case hex, as VLMEvalKit lists it (e8e78f05, vlmeval/dataset/image_*.py)
  std::int64_t bytes = 0;  ///< 0: not known
  std::int64_t rows = 0;   ///< 0: not known
};

std::span<const Release> known_releases();

/// If `file` bears the name of a known release and has another content: one sentence that names both digests. Else
/// empty: also for a folder, and for names that no release has. Reads the file once. Throws UserError(kInput) if it
/// cannot be read.
std::string other_release(const std::filesystem::path& file);

}  // namespace scalselect::eval
