// Writes a whole mini world.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "data/mini/options.h"

namespace scalselect::mini {

/// Told how many of how many files are written; called from one thread.
using Report = std::function<void(std::int64_t done, std::int64_t total)>;

/// Writes, below `folder`:
///   pool.json, images/*.png   the pool (LLaVA's layout; image paths are relative to images/)
///   pool_truth.jsonl          what the pool's rows are, for analysis only
///   benchmarks/<name>/...     see benchmarks.h
///   manifest.json             options, counts by skill, scene type, form and kind, questions by benchmark and skill;
///                             written last, so that a folder without it is not complete
/// The bytes are a function of the options alone, whatever the number of threads. An existing world in the folder is
/// replaced. Returns the manifest. Throws UserError(kEnvironment) if a file cannot be written.
nlohmann::ordered_json write_mini_world(const std::filesystem::path& folder, const MiniWorldOptions& options,
                                        const Report& report = {});

/// A PNG for people to look at: `per_type` training scenes of each type, a row a type, enlarged.
void write_contact_sheet(const std::filesystem::path& file, std::int64_t seed, int per_type = 8);

}  // namespace scalselect::mini
