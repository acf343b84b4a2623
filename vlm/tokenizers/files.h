// The files of a tokenizer: tokenizer.json or tokenizer.model, and the smaller files beside them.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace scalselect::vlm::tok {

/// The file that a tokenizer is read from. `place`: a folder (its tokenizer.json, else its tokenizer.model), or such a
/// file. Throws UserError(kInput) if there is none.
std::filesystem::path tokenizer_file(const std::filesystem::path& place);

/// The tree of that file in the form of tokenizer.json; a tokenizer.model is converted, with add_bos_token,
/// add_eos_token and legacy from the tokenizer_config.json beside it. Throws UserError(kInput) or Unsupported.
nlohmann::json read_tokenizer_tree(const std::filesystem::path& file);

/// A JSON object from a file; `optional_object` returns an empty one if there is no file. Throws UserError(kInput).
nlohmann::json read_object(const std::filesystem::path& file);
nlohmann::json optional_object(const std::filesystem::path& file);

}  // namespace scalselect::vlm::tok
