#include "data/pool_row.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "data/picture_ref.h"
#include "data/python_json.h"

namespace scalselect {
namespace {

namespace dom = simdjson::dom;

/// The spellings of a conversation; the first that is present counts.
struct Spelling {
  const char *list, *role, *text;
  bool exchanges = false;  ///< an entry is a question and its answer, under the names `role` and `text`, or a message
};
constexpr Spelling kMessages{"messages", "role", "content"};
constexpr Spelling kSpellings[] = {{"conversations", "from", "value"}, kMessages, {"texts", "user", "assistant", true}};

std::optional<Role> role_of(std::string_view name) {
  if (name == "human" || name == "user") return Role::kUser;
  if (name == "gpt" || name == "assistant") return Role::kAssistant;
  if (name == "system") return Role::kSystem;
  return std::nullopt;
}

/// The member of that name; of several the last, as Python has it.
simdjson::simdjson_result<dom::element> member(dom::object object, std::string_view key) {
  simdjson::simdjson_result<dom::element> found(simdjson::NO_SUCH_FIELD);
  for (const auto& field : object) {
    if (field.key == key) found = simdjson::simdjson_result<dom::element>(dom::element(field.value));
  }
  return found;
}

std::optional<std::string_view> text_of(dom::object object, const char* key) {
  std::string_view text;
  if (member(object, key).get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

/// A path with ".." is left as it is: after a symbolic link only the system can resolve it.
std::string join(const std::filesystem::path& root, std::string_view path) {
  if (is_picture_reference(path)) return std::string(path);
  const auto joined = root / path;
  const bool up = std::find(joined.begin(), joined.end(), "..") != joined.end();
  return (up ? joined : joined.lexically_normal()).string();
}

/// What a row says: its turns, and what only they tell.
struct Conversation {
  std::vector<Turn> turns;
  std::vector<std::string> images;  ///< that parts of messages name
  std::string source;               ///< that the first exchange names
};

/// The picture that a part of a message names, as Qwen-VL and OpenAI spell it: "image" or "image_url", a text or
/// {"url"}.
std::string_view picture_of(dom::object part) {
  for (const char* key : {"image", "image_url", "url", "path"}) {
    dom::object nested;
    const auto name = member(part, key).get(nested) == simdjson::SUCCESS ? text_of(nested, "url") : text_of(part, key);
    if (!name || name->empty()) continue;
    constexpr std::string_view kScheme = "file://";
    return name->starts_with(kScheme) ? name->substr(kScheme.size()) : *name;
  }
  return {};
}

/// Reads a message whose text is a list of parts, [{"type": "image"}, {"type": "text", "text": ..}]: pictures become
/// `<image>` tags where they stand. Returns why that is impossible, or nothing.
std::string read_parts(dom::array parts, std::string& text, std::vector<std::string>& images) {
  std::size_t index = 0;
  for (const dom::element item : parts) {
    dom::object part;
    if (item.get(part) != simdjson::SUCCESS) return fmt::format("[{}] is not an object", index);
    const auto type = text_of(part, "type").value_or("text"), words = text_of(part, "text").value_or("");
    if (type == "text") {
      text += words;
    } else if (type == "image" || type == "image_url") {
      text += "<image>";
      if (const auto name = picture_of(part); !name.empty()) images.emplace_back(name);
    } else {
      return fmt::format("[{}] is of the type '{}', which is neither text nor image", index, type);
    }
    ++index;
  }
  return {};
}

bool is_absent(dom::object object, const char* key) {
  dom::element value;
  if (member(object, key).get(value) != simdjson::SUCCESS || value.is_null()) return true;
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return text.empty();
  dom::array list;
  return value.get(list) == simdjson::SUCCESS && list.size() == 0;
}

/// Appends the turns of `list`; returns why that is impossible, or nothing.
std::string read_turns(dom::array list, const Spelling& spelling, Conversation& out) {
  std::size_t index = 0;
  for (const dom::element item : list) {
    dom::object turn;
    if (item.get(turn) != simdjson::SUCCESS) return fmt::format("{}[{}] is not an object", spelling.list, index);
    const bool exchange = spelling.exchanges && !text_of(turn, kMessages.role);
    const auto& keys = spelling.exchanges && !exchange ? kMessages : spelling;
    const auto name = text_of(turn, keys.role), text = text_of(turn, keys.text);
    dom::array parts;
    const bool in_parts = !exchange && member(turn, keys.text).get(parts) == simdjson::SUCCESS;
    if (!name) return fmt::format("{}[{}].{} is missing or not a string", spelling.list, index, keys.role);
    if (!text && !in_parts && !exchange && role_of(*name) == Role::kSystem && is_absent(turn, keys.text)) {
      ++index;
      continue;  // null is absent, and so is the message
    }
    if (!text && !in_parts) return fmt::format("{}[{}].{} is missing or not a string", spelling.list, index, keys.text);
    if (exchange) {
      if (index == 0) out.source = text_of(turn, "source").value_or("");
      out.turns.push_back({Role::kUser, std::string(*name)});
      out.turns.push_back({Role::kAssistant, std::string(*text)});
    } else {
      const auto role = role_of(*name);
      if (!role) return fmt::format("{}[{}] has the unknown role '{}'", spelling.list, index, *name);
      out.turns.push_back({*role, std::string(text.value_or(""))});
      const auto fault = in_parts ? read_parts(parts, out.turns.back().text, out.images) : "";
      if (!fault.empty()) return fmt::format("{}[{}].{}{}", spelling.list, index, keys.text, fault);
    }
    ++index;
  }
  return {};
}

bool same(const std::vector<Turn>& a, const std::vector<Turn>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Turn& x, const Turn& y) { return x.role == y.role && x.text == y.text; });
}

/// Turns as `datasets` keeps a Sequence of them: {"from": [..], "value": [..]}, one list a key.
std::string read_turn_lists(dom::object lists, const Spelling& spelling, Conversation& out) {
  dom::array roles, texts;
  if (member(lists, spelling.role).get(roles) != simdjson::SUCCESS ||
      member(lists, spelling.text).get(texts) != simdjson::SUCCESS || roles.size() != texts.size()) {
    return fmt::format("'{}' is neither a list nor two lists of the same length, '{}' and '{}'", spelling.list,
                       spelling.role, spelling.text);
  }
  auto text = texts.begin();
  std::size_t index = 0;
  for (const dom::element item : roles) {
    std::string_view name, words;
    if (item.get(name) != simdjson::SUCCESS || (*text).get(words) != simdjson::SUCCESS) {
      return fmt::format("entry {} of '{}' is not text", index, spelling.list);
    }
    ++text;
    if (spelling.exchanges) {
      out.turns.push_back({Role::kUser, std::string(name)});
      out.turns.push_back({Role::kAssistant, std::string(words)});
    } else if (const auto role = role_of(name)) {
      out.turns.push_back({*role, std::string(words)});
    } else {
      return fmt::format("entry {} of '{}' has the unknown role '{}'", index, spelling.list, name);
    }
    ++index;
  }
  return {};
}

/// The turns under `spelling`, if present; returns why they cannot be read, or nothing.
std::string read_spelling(dom::object object, const Spelling& spelling, Conversation& out) {
  dom::array list;
  dom::object lists;
  if (member(object, spelling.list).get(lists) == simdjson::SUCCESS) return read_turn_lists(lists, spelling, out);
  if (member(object, spelling.list).get(list) != simdjson::SUCCESS)
    return fmt::format("'{}' is not a list", spelling.list);
  return read_turns(list, spelling, out);
}

/// Adds the paths under `key`, a string or a list of strings, to `images`.
std::string read_images(dom::object object, const char* key, const std::filesystem::path& root,
                        std::vector<std::string>& images) {
  if (is_absent(object, key)) return {};
  const dom::element value = member(object, key).value();
  const auto add = [&](dom::element item) {
    if (item.is_null()) return true;  // absent
    std::string_view path;
    dom::object picture;  // as `datasets` keeps one whose bytes lie elsewhere: {"bytes": null, "path": ..}
    if (item.get(picture) == simdjson::SUCCESS) path = text_of(picture, "path").value_or("");
    else if (item.get(path) != simdjson::SUCCESS) return false;
    if (path.empty() && item.is_object()) return is_absent(picture, "bytes");
    if (!path.empty()) images.push_back(join(root, path));
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

/// The id as text, with a remark if there is none that can be used.
std::pair<std::string, std::string> read_id(dom::object object) {
  dom::element value;
  if (member(object, "id").get(value) != simdjson::SUCCESS || value.is_null()) return {"", "no id"};
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return {std::string(text), text.empty() ? "no id" : ""};
  if (value.is_int64() || value.is_uint64()) return {simdjson::minify(value), ""};
  return {"", "its id is neither a string nor an integer"};
}

/// Reads the parts of one object into a row.
class RowParts {
 public:
  RowParts(dom::object object, const std::filesystem::path& root, PoolRow& row)
      : object_(object), root_(root), row_(row) {}

  void read() {
    const auto [id, remark] = read_id(object_);
    row_.sample.id = id;
    if (!remark.empty()) row_.remarks.push_back(remark);
    row_.sample.source = std::string(text_of(object_, "source").value_or(""));
    read_conversation();
    if (row_.rejected.empty()) read_pictures();
    if (!row_.rejected.empty()) {
      row_.sample.turns.clear();
      row_.sample.images.clear();
    }
  }

 private:
  void read_conversation() {
    auto& turns = row_.sample.turns;
    for (const auto& spelling : kSpellings) {
      if (is_absent(object_, spelling.list)) continue;
      if (spelling_ == nullptr) {
        spelling_ = &spelling;
        Conversation read;
        row_.rejected = read_spelling(object_, spelling, read);
        if (row_.rejected.empty() && read.turns.empty()) row_.rejected = "empty conversation";
        if (!row_.rejected.empty()) return;
        turns = std::move(read.turns);
        named_pictures_ = std::move(read.images);
        if (row_.sample.source.empty()) row_.sample.source = std::move(read.source);
      } else if (Conversation other; !read_spelling(object_, spelling, other).empty() || !same(other.turns, turns)) {
        if (spelling.exchanges) continue;  // `texts` may be a column of any kind
        row_.remarks.push_back(fmt::format("'{}' differs from '{}', which counts", spelling.list, spelling_->list));
      }
    }
    if (spelling_ == nullptr) {
      dom::element none;
      const bool empty = std::any_of(std::begin(kSpellings), std::end(kSpellings), [&](const Spelling& spelling) {
        return member(object_, spelling.list).get(none) == simdjson::SUCCESS && !none.is_null();
      });
      row_.rejected = empty ? "empty conversation" : "none of 'conversations', 'messages' and 'texts'";
      return;
    }
    const auto system = text_of(object_, "system");
    if (!system || system->empty()) return;
    if (turns.front().role != Role::kSystem) {
      turns.insert(turns.begin(), {Role::kSystem, std::string(*system)});
    } else if (turns.front().text != *system) {
      row_.remarks.push_back("'system' differs from the first message, which counts");
    }
  }

  void read_pictures() {
    const bool llava = spelling_ == &kSpellings[0];
    const char *key = llava ? "image" : "images", *other_key = llava ? "images" : "image";
    std::vector<std::string> other;
    row_.rejected = read_images(object_, key, root_, row_.sample.images);
    if (row_.rejected.empty()) row_.rejected = read_images(object_, other_key, root_, other);
    if (row_.sample.images.empty()) row_.sample.images.swap(other);
    if (row_.sample.images.empty()) {
      for (const auto& name : named_pictures_) row_.sample.images.push_back(join(root_, name));
    } else if (!other.empty() && other != row_.sample.images) {
      row_.remarks.push_back(fmt::format("'{}' differs from '{}', which counts", other_key, key));
    }
  }

  dom::object object_;
  const std::filesystem::path& root_;
  PoolRow& row_;
  const Spelling* spelling_ = nullptr;       ///< the one that counts
  std::vector<std::string> named_pictures_;  ///< by the messages themselves; they count if the row names none
};

}  // namespace

struct PoolRowReader::Impl {
  dom::parser parser;
};

const std::size_t PoolRowReader::kPadding = simdjson::SIMDJSON_PADDING;

PoolRowReader::PoolRowReader() : impl_(new Impl) {}
PoolRowReader::~PoolRowReader() = default;

PoolRow PoolRowReader::read(std::string_view json, const std::filesystem::path& image_root) {
  PoolRow row;
  dom::element root;
  auto code = impl_->parser.parse(json.data(), json.size(), false).get(root);
  if (code != simdjson::SUCCESS) {
    const StandardJson standard(json);
    code = impl_->parser.parse(standard.text).get(root);
    if (code == simdjson::SUCCESS && standard.replaced) {
      row.remarks.emplace_back("characters that are not Unicode are read as U+FFFD");
    }
  }
  dom::object object;
  if (code != simdjson::SUCCESS) {
    row.rejected = fmt::format("not JSON: {}", simdjson::error_message(code));
  } else if (root.get(object) != simdjson::SUCCESS) {
    row.rejected = "not an object";
  } else {
    RowParts(object, image_root, row).read();
  }
  return row;
}

}  // namespace scalselect
