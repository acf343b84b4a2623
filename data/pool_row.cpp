#include "data/pool_row.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <optional>
#include <utility>

namespace scalselect {
namespace {

namespace dom = simdjson::dom;

/// The two spellings of a conversation.
struct Spelling {
  const char *list, *role, *text;
};
constexpr Spelling kSpellings[] = {{"conversations", "from", "value"}, {"messages", "role", "content"}};

std::optional<Role> role_of(std::string_view name) {
  if (name == "human" || name == "user") return Role::kUser;
  if (name == "gpt" || name == "assistant") return Role::kAssistant;
  if (name == "system") return Role::kSystem;
  return std::nullopt;
}

std::optional<std::string_view> text_of(dom::object object, const char* key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

/// Appends the turns of `list`; returns why that is impossible, or nothing.
std::string read_turns(dom::array list, const Spelling& spelling, std::vector<Turn>& turns) {
  std::size_t index = 0;
  for (const dom::element item : list) {
    dom::object turn;
    if (item.get(turn) != simdjson::SUCCESS) return fmt::format("{}[{}] is not an object", spelling.list, index);
    const auto name = text_of(turn, spelling.role), text = text_of(turn, spelling.text);
    if (!name) return fmt::format("{}[{}].{} is missing or not a string", spelling.list, index, spelling.role);
    if (!text) return fmt::format("{}[{}].{} is missing or not a string", spelling.list, index, spelling.text);
    const auto role = role_of(*name);
    if (!role) return fmt::format("{}[{}] has the unknown role '{}'", spelling.list, index, *name);
    turns.push_back({*role, std::string(*text)});
    ++index;
  }
  return {};
}

std::string read_conversation(dom::object object, std::vector<Turn>& turns) {
  if (const auto system = text_of(object, "system"); system && !system->empty()) {
    turns.push_back({Role::kSystem, std::string(*system)});
  }
  for (const auto& spelling : kSpellings) {
    dom::element value;
    if (object[spelling.list].get(value) != simdjson::SUCCESS) continue;
    dom::array list;
    if (value.get(list) != simdjson::SUCCESS) return fmt::format("'{}' is not a list", spelling.list);
    if (list.size() == 0) return "empty conversation";
    return read_turns(list, spelling, turns);
  }
  return "neither 'conversations' nor 'messages'";
}

/// Adds the paths under `key`, a string or a list of strings, to `images`.
std::string read_images(dom::object object, const char* key, const std::filesystem::path& root,
                        std::vector<std::string>& images) {
  dom::element value;
  if (object[key].get(value) != simdjson::SUCCESS || value.is_null()) return {};
  const auto add = [&](dom::element item) {
    std::string_view path;
    if (item.get(path) != simdjson::SUCCESS) return false;
    if (!path.empty()) images.push_back((root / path).lexically_normal().string());
    return true;
  };
  dom::array list;
  if (value.get(list) == simdjson::SUCCESS) {
    for (const dom::element item : list) {
      if (!add(item)) return fmt::format("'{}' holds something that is not a path", key);
    }
    return {};
  }
  return add(value) ? std::string{} : fmt::format("'{}' is neither a path nor a list of paths", key);
}

/// The id as text, with a remark if there is none worth the name.
std::pair<std::string, std::string> read_id(dom::object object) {
  dom::element value;
  if (object["id"].get(value) != simdjson::SUCCESS || value.is_null()) return {"", "no id"};
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return {std::string(text), text.empty() ? "no id" : ""};
  if (value.is_int64() || value.is_uint64()) return {simdjson::minify(value), ""};
  return {"", "its id is neither a string nor an integer"};
}

}  // namespace

struct PoolRowReader::Impl {
  std::filesystem::path root;
  dom::parser parser;
};

const std::size_t PoolRowReader::kPadding = simdjson::SIMDJSON_PADDING;

PoolRowReader::PoolRowReader(std::filesystem::path image_root)
    : impl_(new Impl{std::move(image_root), dom::parser()}) {}
PoolRowReader::~PoolRowReader() = default;

PoolRow PoolRowReader::read(std::string_view json) {
  PoolRow row;
  dom::element root;
  if (const auto code = impl_->parser.parse(json.data(), json.size(), false).get(root); code != simdjson::SUCCESS) {
    row.malformed = simdjson::error_message(code);
    return row;
  }
  dom::object object;
  if (root.get(object) != simdjson::SUCCESS) {
    row.rejected = "not an object";
    return row;
  }
  std::tie(row.sample.id, row.remark) = read_id(object);
  row.sample.source = std::string(text_of(object, "source").value_or(""));
  row.rejected = read_conversation(object, row.sample.turns);
  for (const char* key : {"image", "images"}) {
    if (row.rejected.empty()) row.rejected = read_images(object, key, impl_->root, row.sample.images);
  }
  if (!row.rejected.empty()) {
    row.sample.turns.clear();
    row.sample.images.clear();
  }
  return row;
}

}  // namespace scalselect
