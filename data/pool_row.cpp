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

/// The two spellings of a conversation; the first that is present counts.
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

/// A path with ".." is left as it is: after a symbolic link only the system can resolve it.
std::string join(const std::filesystem::path& root, std::string_view path) {
  if (is_picture_reference(path)) return std::string(path);
  const auto joined = root / path;
  const bool up = std::find(joined.begin(), joined.end(), "..") != joined.end();
  return (up ? joined : joined.lexically_normal()).string();
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

bool is_absent(dom::object object, const char* key) {
  dom::element value;
  if (object[key].get(value) != simdjson::SUCCESS || value.is_null()) return true;
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return text.empty();
  dom::array list;
  return value.get(list) == simdjson::SUCCESS && list.size() == 0;
}

bool same(const std::vector<Turn>& a, const std::vector<Turn>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Turn& x, const Turn& y) { return x.role == y.role && x.text == y.text; });
}

/// The turns under `spelling`, if present; returns why they cannot be read, or nothing.
std::string read_spelling(dom::object object, const Spelling& spelling, std::vector<Turn>& turns) {
  dom::array list;
  if (object[spelling.list].get(list) != simdjson::SUCCESS) return fmt::format("'{}' is not a list", spelling.list);
  return read_turns(list, spelling, turns);
}

/// Adds the paths under `key`, a string or a list of strings, to `images`.
std::string read_images(dom::object object, const char* key, const std::filesystem::path& root,
                        std::vector<std::string>& images) {
  if (is_absent(object, key)) return {};
  const dom::element value = object[key].value();
  const auto add = [&](dom::element item) {
    std::string_view path;
    if (item.get(path) != simdjson::SUCCESS) return false;
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
  if (object["id"].get(value) != simdjson::SUCCESS || value.is_null()) return {"", "no id"};
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
        row_.rejected = read_spelling(object_, spelling, turns);
        if (!row_.rejected.empty()) return;
      } else if (std::vector<Turn> other; !read_spelling(object_, spelling, other).empty() || !same(other, turns)) {
        row_.remarks.push_back(fmt::format("'{}' differs from '{}', which counts", spelling.list, spelling_->list));
      }
    }
    if (spelling_ == nullptr) {
      dom::element none;
      const bool empty = std::any_of(std::begin(kSpellings), std::end(kSpellings), [&](const Spelling& spelling) {
        return object_[spelling.list].get(none) == simdjson::SUCCESS && !none.is_null();
      });
      row_.rejected = empty ? "empty conversation" : "neither 'conversations' nor 'messages'";
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
    if (row_.sample.images.empty()) {
      row_.sample.images = std::move(other);
    } else if (!other.empty() && other != row_.sample.images) {
      row_.remarks.push_back(fmt::format("'{}' differs from '{}', which counts", other_key, key));
    }
  }

  dom::object object_;
  const std::filesystem::path& root_;
  PoolRow& row_;
  const Spelling* spelling_ = nullptr;  ///< the one that counts
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
