// Whether the sizes in a config.json are those of the weights beside it: checked against the weights' header before
// anything is built, so that no configuration can make the program allocate more than its weights need.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vlm/config.h"

namespace scalselect::vlm {

/// How much of a model is to be built.
struct BuiltParts {
  bool tower = true;
  std::int64_t tower_layers = 0, decoder_layers = 0;
};

/// Shape of a tensor by its canonical name; nothing if the weights lack it.
using ShapeOf = std::function<std::optional<std::vector<std::int64_t>>(const std::string& name)>;

/// Throws UserError(kInput), naming `file` and the key, for the first size of `config` that differs from the weights.
void check_sizes(const LlavaConfig& config, const BuiltParts& parts, const ShapeOf& shape_of, const std::string& file);
void check_sizes(const QwenVlConfig& config, const BuiltParts& parts, const ShapeOf& shape_of, const std::string& file);

}  // namespace scalselect::vlm
