// What a subset on disk holds beside what its manifest says of it: the rows, and the pictures that were written beside
// it because the pool has them inside a container.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/pool.h"
#include "experiments/runs/manifest.h"

namespace scalselect::pipeline {

/// The pictures that a subset names in a folder beside it.
struct SubsetPictures {
  std::vector<std::string> names;     ///< in the order of the rows, each once
  std::vector<std::string> contents;  ///< SHA-256 of each; "missing" where there is no file

  std::int64_t missing() const;
  std::string digest() const;  ///< over the contents, in this order
};

/// Those in `folder` (a name) beside `subset`; none if `subset` holds no samples. Throws UserError as a pool does for
/// what is no fault of the subset.
SubsetPictures pictures_in(const std::filesystem::path& subset, const std::string& folder);

/// {"folder", "files", "missing", "digest"} of the pictures that write_subset put beside `subset`; null: there are
/// none.
nlohmann::ordered_json pictures_entry(const std::filesystem::path& subset);

/// How the rows of `subset`, by number, id and conversation, contradict those of the manifest; empty: they do not, as
/// far as the file tells. `pool`: that of the manifest's rows, or null.
std::string contradiction(const Manifest& manifest, const std::filesystem::path& subset, const Pool* pool);

}  // namespace scalselect::pipeline
