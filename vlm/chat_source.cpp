#include "vlm/chat_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/system_files.h"
#include "core/utf8.h"
#include "vlm/chat_template.h"
#include "vlm/tokenizers/files.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kRemedy = "Restore the model's file, or choose a prompt with model.chat_template.";

[[noreturn]] void fail_type(const fs::path& file) {
  throw UserError(ErrorKind::kInput,
                  fmt::format("{}: 'chat_template' must be a text or templates with names", file.string()), kRemedy);
}

[[noreturn]] void fail_names(const std::string& place, const std::vector<std::string>& names) {
  throw UserError(ErrorKind::kInput,
                  fmt::format("{}: of the chat templates {} none is named 'default'", place, fmt::join(names, ", ")),
                  "Choose one with model.chat_template=FILE.jinja, or a built-in prompt by its name.");
}

const std::string& text_of(const Json& value, const fs::path& file) {
  if (!value.is_string()) fail_type(file);
  return value.get_ref<const std::string&>();
}

/// `chat_template` of a JSON file: a text, {name: text} or [{"name": …, "template": …}].
std::optional<ChatSource> from_json(const fs::path& file) {
  const auto tree = tok::optional_object(file);
  const auto found = tree.find("chat_template");
  if (found == tree.end() || found->is_null()) return std::nullopt;
  ChatSource source{{}, fmt::format("'{}'", file.string())};
  if (found->is_string()) {
    source.text = found->get<std::string>();
    return source.text.empty() ? std::nullopt : std::optional(source);
  }
  std::vector<std::string> names;
  const auto take = [&](const std::string& name, const Json& text) {
    names.push_back(name);
    if (name == "default") source.text = text_of(text, file);
  };
  if (found->is_object()) {
    for (const auto& [name, text] : found->items()) take(name, text);
  } else {
    if (!found->is_array()) fail_type(file);
    for (const auto& entry : *found) {
      if (!entry.is_object() || !entry.contains("name") || !entry.contains("template")) fail_type(file);
      take(text_of(entry["name"], file), entry["template"]);
    }
  }
  if (names.empty()) return std::nullopt;
  if (source.text.empty()) fail_names(file.string(), names);
  return source;
}

std::optional<ChatSource> from_jinja(const fs::path& folder) {
  const auto file = folder / "chat_template.jinja";
  if (fs::exists(file)) {
    auto text = repair_utf8(read_file(file, kConfigBytes));
    if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
    if (!text.empty()) return ChatSource{std::move(text), fmt::format("'{}'", file.string())};
  }
  std::vector<std::string> names;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder / "additional_chat_templates", code)) {
    const auto name = entry.path().filename().string();
    if (!is_system_file(name) && entry.path().extension() == ".jinja") names.push_back(entry.path().stem().string());
  }
  if (!names.empty()) fail_names((folder / "additional_chat_templates").string(), names);
  return std::nullopt;
}

}  // namespace

std::optional<ChatSource> find_chat_template(const fs::path& folder) {
  if (auto found = from_json(folder / "processor_config.json")) return found;
  if (auto found = from_json(folder / "chat_template.json")) return found;
  if (auto found = from_jinja(folder)) return found;
  return from_json(folder / "tokenizer_config.json");
}

std::map<std::string, std::string> special_tokens(const fs::path& folder) {
  std::map<std::string, std::string> tokens;
  for (const auto* file : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const auto tree = tok::optional_object(folder / file);
    for (const auto& [key, value] : tree.items()) {
      if (!key.ends_with("_token")) continue;
      const auto content = value.is_object() ? value.value("content", Json()) : value;
      if (content.is_string()) tokens.emplace(key, content.get<std::string>());
    }
  }
  return tokens;
}

}  // namespace scalselect::vlm
