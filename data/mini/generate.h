// Writes a whole mini world.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "data/mini/options.h"

namespace scalselect::mini {

/// Called from one thread with the numbers of files written and in all.
using Report = std::function<void(std::int64_t done, std::int64_t total)>;

/// Writes, below `folder`:
///   pool.json, images/*.png   the pool (LLaVA's layout; image paths are relative to images/)
///   pool_truth.jsonl          how each row of the pool was made, for analysis only
///   benchmarks/<name>/...     see benchmarks.h
///   manifest.json             options, counts by skill, scene type, form and kind, questions by benchmark and skill;
///                             written last, so that a folder without it is incomplete
/// The bytes are a function of the options alone, whatever the number of threads. An existing world in the folder is
/// replaced. Returns the manifest. Throws UserError(kEnvironment) if a file cannot be written.
nlohmann::ordered_json write_mini_world(const std::filesystem::path& folder, const MiniWorldOptions& options,
                                        const Report& report = {});

/// A PNG for people to look at: one row per scene type, `per_type` training scenes each, enlarged.
void write_contact_sheet(const std::filesystem::path& file, int per_type = 8);

}  // namespace scalselect::mini
