// Where a model folder keeps its chat template, and what it tells the template about its tokens.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace scalselect::vlm {

struct ChatSource {
  std::string text;   ///< Jinja
  std::string place;  ///< its file in quotation marks, for messages
};

/// The template that transformers' processors (5.24) take from a folder: `chat_template` of processor_config.json, else
/// of chat_template.json, else the file chat_template.jinja, else `chat_template` of tokenizer_config.json. Of several
/// with names (a list or a mapping, or additional_chat_templates/NAME.jinja) it is the one named `default`. Throws
/// UserError(kInput) for a key of another type, and if there are named templates, but none is the default.
std::optional<ChatSource> find_chat_template(const std::filesystem::path& folder);

/// `bos_token`, `eos_token`, `image_token` and so on, as texts, from tokenizer_config.json and, where that lacks them,
/// special_tokens_map.json: the variables that transformers gives to a template besides the messages.
std::map<std::string, std::string> special_tokens(const std::filesystem::path& folder);

}  // namespace scalselect::vlm
