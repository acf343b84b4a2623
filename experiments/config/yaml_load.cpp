// YAML into our own tree, through yaml-cpp's parser events (its node tree drops duplicate keys and aliases copies).
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <sstream>

#include "experiments/config/python_text.h"
#include "experiments/config/refuse.h"
#include "experiments/config/resolve.h"
#include "experiments/config/scalar_rules.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

/// yaml-cpp closes an open single quote at the end of the file by itself. A comment with this word after the text is
/// part of a scalar only inside such a quote.
constexpr const char* kEndOfText = "end-of-text-7f3a";

/// Builds one document. Mappings collect their children flat (key, value, key, value) until they end.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& text, std::string file) : text_(text), file_(std::move(file)) {}

  Value take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto at = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (!open_.empty() && open_.back().flow_list && at < text_.size() && text_[at] == ',') {
      fail(mark, "expected a value, but found ','", "Write null for an empty element.");
    }
    add(Value(), mark, anchor);
  }

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    for (const char c : name) {
      const bool good = std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
      if (!good) fail(mark, "the anchor '" + name + "' holds '" + c + "'", "Use letters, digits, '-' and '_'.");
    }
    if (!anchor_names_.insert(name).second) fail(mark, "found duplicate anchor '" + name + "'", "Rename one.");
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(mark, "an alias refers to the node it is in", "Repeat the value.");
    grow(mark, found->second.nodes());
    place(found->second, false);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (text.find(kEndOfText) != std::string::npos) fail(mark, "a quoted text is not closed", "Add the quote.");
    const bool merge = tag == "?" && text == "<<";
    if (tag == "?" && (merge || text == "=") && !at_key()) {
      fail(mark, "'" + text + "' cannot be a value", "Quote it.");
    }
    add(typed(mark, tag, text), mark, anchor, merge);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    check_tag(mark, tag, "tag:yaml.org,2002:seq");
    check_depth(mark);
    open_.push_back({Value::list(), {}, anchor, mark, style == YAML::EmitterStyle::Flow});
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "tag:yaml.org,2002:map");
    check_depth(mark);
    open_.push_back({Value::map(), {}, anchor, mark, false});
  }
  void OnMapEnd() override { close(); }

 private:
  struct Child {
    Value value;
    bool merge_key;
  };
  struct Open {
    Value value;
    std::vector<Child> children;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    bool flow_list;
  };

  bool at_key() const { return !open_.empty() && open_.back().value.is_map() && open_.back().children.size() % 2 == 0; }

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& problem, const std::string& remedy) const {
    refuse(origin(mark).text() + ": " + problem + ".", remedy);
  }

  void check_depth(const YAML::Mark& mark) const {
    if (open_.size() >= kMaxDepth) fail(mark, "nested more than " + std::to_string(kMaxDepth) + " deep", "Flatten it.");
  }

  /// Counts values; an alias stands for all that it names.
  void grow(const YAML::Mark& mark, std::size_t values) {
    nodes_ += values;
    if (nodes_ > kMaxNodes) {
      fail(mark, "more than " + std::to_string(kMaxNodes) + " values, aliases expanded", "Shorten it.");
    }
  }

  Origin origin(const YAML::Mark& mark) const { return {file_, mark.line + 1}; }

  void check_tag(const YAML::Mark& mark, const std::string& tag, const std::string& allowed) const {
    if (tag.empty() || tag == "?" || tag == "!" || tag == allowed) return;
    fail(mark, "could not determine a constructor for the tag '" + tag + "'", "Remove the tag.");
  }

  Value typed(const YAML::Mark& mark, const std::string& tag, const std::string& text) const {
    if (tag == "!" || tag == "tag:yaml.org,2002:str") return checked(mark, text);
    try {
      Value value = type_plain_scalar(text);
      if (tag == "?") return value.is_string() ? checked(mark, text) : value;
      if (tag == "tag:yaml.org,2002:int" && value.is_int()) return value;
      if (tag == "tag:yaml.org,2002:bool" && value.is_bool()) return value;
      if (tag == "tag:yaml.org,2002:null") return Value();
      if (tag == "tag:yaml.org,2002:float") {
        if (value.is_float()) return value;
        if (const auto number = parse_python_float(text)) return Value::floating(*number);
      }
    } catch (const UserError& error) {
      fail(mark, error.problem(), error.remedy());
    }
    fail(mark, "the value '" + text + "' does not fit the tag '" + tag + "'", "Remove the tag.");
  }

  Value checked(const YAML::Mark& mark, const std::string& text) const {
    if (at_key()) return Value::string(text);  // a key is never an interpolation
    try {
      if (text.find("${") != std::string::npos) check_interpolation(text);
    } catch (const UserError& error) {
      refuse(error.problem(), "It is written in " + origin(mark).text() + ".");
    }
    return Value::string(text);
  }

  void add(Value value, const YAML::Mark& mark, YAML::anchor_t anchor, bool merge_key = false) {
    grow(mark, 1);
    value.set_origin(origin(mark));
    if (anchor) anchors_[anchor] = value;
    place(std::move(value), merge_key);
  }

  void place(Value value, bool merge_key) {
    if (open_.empty()) root_ = std::move(value);
    else open_.back().children.push_back({std::move(value), merge_key});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.value.is_list()) {
      for (auto& child : done.children) done.value.items().push_back(std::move(child.value));
    } else {
      fill_map(done);
    }
    done.value.set_origin(origin(done.mark));
    if (done.anchor) anchors_[done.anchor] = done.value;
    place(std::move(done.value), false);
  }

  void fill_map(Open& done) const {
    Value::Map own;
    std::vector<Value> merged;
    for (std::size_t i = 0; i + 1 < done.children.size(); i += 2) {
      auto& [key, is_merge] = done.children[i];
      Value& value = done.children[i + 1].value;
      if (is_merge) {
        collect_merge(done.mark, value, merged);
        continue;
      }
      check_key(done.mark, key, own);
      own.emplace_back(std::move(key), std::move(value));
    }
    // As in PyYAML, merged keys come first and the map's own entries replace them in place.
    for (const auto& source : merged) {
      for (const auto& [key, value] : source.entries()) done.value.set(key, value);
    }
    for (auto& [key, value] : own) done.value.set(key, std::move(value));
  }

  void check_key(const YAML::Mark& mark, const Value& key, const Value::Map& own) const {
    if (key.is_container() || key.is_null()) {
      fail(mark, "a " + kind_name(key.kind()) + " is used as a key", "Use a text, a number or a boolean.");
    }
    if (!key.is_string()) return;  // PyYAML lets numbers repeat; the last one wins
    for (const auto& entry : own) {
      if (!entry.first.is_string() || !(entry.first == key)) continue;
      refuse(key.origin().text() + ": found duplicate key " + key.as_string() + ".",
             "It is also written in line " + std::to_string(entry.first.origin().line) + "; keep one.");
    }
  }

  void collect_merge(const YAML::Mark& mark, const Value& value, std::vector<Value>& merged) const {
    if (value.is_map()) {
      merged.push_back(value);
      return;
    }
    const bool all_maps = value.is_list() && std::all_of(value.items().begin(), value.items().end(),
                                                         [](const Value& v) { return v.is_map(); });
    if (!all_maps) fail(mark, "'<<' expects a mapping or a list of mappings", "Name an anchored mapping.");
    for (auto it = value.items().rbegin(); it != value.items().rend(); ++it) merged.push_back(*it);
  }

  const std::string& text_;
  std::string file_;
  std::vector<Open> open_;
  std::size_t nodes_ = 0;
  std::set<std::string> anchor_names_;
  std::map<YAML::anchor_t, Value> anchors_;
  Value root_;
};

/// The first document of `text`; null if it is empty.
Value parse_document(const std::string& text, const std::string& file) {
  TreeBuilder first(text, file), second(text, file);
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  parser.HandleNextDocument(first);
  if (parser.HandleNextDocument(second)) refuse(file + " holds more than one YAML document.", "Keep one.");
  return first.take_root();
}

}  // namespace

Value parse_yaml(const std::string& text, const std::string& file) {
  if (text.starts_with("%") && text.find("\n---") == std::string::npos) {
    refuse(file + ":1: a line that starts with '%' is a directive, which '---' follows.", "Quote the text.");
  }
  Value root;
  try {
    if (text.find('\'') != std::string::npos) parse_document(text + "\n# " + kEndOfText + "\n", file);
    root = parse_document(text, file);
  } catch (const YAML::Exception& error) {
    refuse(file + ":" + std::to_string(error.mark.line + 1) + ": " + error.msg + ".", "Mend the YAML.");
  }
  if (root.is_null()) root = Value::map();
  if (root.is_string()) root = Value::map({{root, Value()}});  // a word alone is a key without value
  if (!root.is_container()) {
    refuse(file + " holds a single " + kind_name(root.kind()) + ".", "A configuration is a mapping of keys to values.");
  }
  if (root.origin().file.empty()) root.set_origin({file, 1});
  return root;
}

}  // namespace scalselect::config
