// Which source a sample comes from, for constraints and descriptions; no method reads it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/sample.h"

namespace scalselect {

/// The sample's own `source`; else the folder of its first picture as the pool writes it, that is, below `image_root`
/// ("coco/train2017"); else "text-only" for a sample without a picture, and an empty string where nothing says it.
std::string source_of(const Sample& sample, const std::filesystem::path& image_root);

/// Whether a sample of source `source` counts as one of `name`: they are equal, or `name` stands before a '/'.
bool is_of_source(std::string_view source, std::string_view name);

}  // namespace scalselect
