#include <algorithm>
#include <cmath>

#include "vlm/jinja/text.h"
#include "vlm/jinja/value.h"

namespace scalselect::vlm::jinja {
namespace {

void append_escape(std::string& out, unsigned unit) {
  const char* digits = "0123456789abcdef";
  out += "\\u";
  for (int i = 3; i >= 0; --i) out += digits[(unit >> (4 * i)) & 15];
}

std::string escaped(const std::string& text, bool ascii) {
  std::string out = "\"";
  for (const auto c : points_of(text)) {
    switch (c) {
      case U'"': out += "\\\""; continue;
      case U'\\': out += "\\\\"; continue;
      case U'\n': out += "\\n"; continue;
      case U'\r': out += "\\r"; continue;
      case U'\t': out += "\\t"; continue;
      case U'\b': out += "\\b"; continue;
      case U'\f': out += "\\f"; continue;
      default: break;
    }
    if (c >= 0x20 && !(ascii && c >= 0x7f)) {
      out += utf8_of(std::u32string_view(&c, 1));
    } else if (c < 0x10000) {
      append_escape(out, c);
    } else {
      append_escape(out, 0xd800 + ((c - 0x10000) >> 10));
      append_escape(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
    }
  }
  return out + '"';
}

class Writer {
 public:
  Writer(const JsonStyle& style, Budget& budget) : style_(style), budget_(budget) {}

  void write(const Value& value, int level) {
    budget_.spend(1);
    if (text.size() > kMostText) budget_.text(text.size());
    switch (value.type()) {
      case Value::Type::kNone: text += "null"; return;
      case Value::Type::kBool: text += value.integer() != 0 ? "true" : "false"; return;
      case Value::Type::kInt: text += std::to_string(value.integer()); return;
      case Value::Type::kFloat: text += number(value.number()); return;
      case Value::Type::kString:
        budget_.text(value.string().size());
        text += escaped(value.string(), style_.ascii);
        return;
      case Value::Type::kDict: return dict(value.dict(), level);
      case Value::Type::kSequence:
        if (value.sequence().kind == Sequence::Kind::kList || value.sequence().kind == Sequence::Kind::kTuple) {
          return list(value.sequence().items, level);
        }
        [[fallthrough]];
      default: throw Error("Object of type " + type_name(value) + " is not JSON serializable");
    }
  }
  std::string text;

 private:
  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return float_repr(value);
  }

  void line(int level) {
    if (!style_.indent) return;
    text += '\n';
    budget_.text(style_.indent->size() * static_cast<std::size_t>(level));
    for (int i = 0; i < level; ++i) text += *style_.indent;
  }

  template <class Items, class Body>
  void items(const Items& all, int level, char open, char close, const Body& body) {
    text += open;
    bool first = true;
    for (const auto& item : all) {
      if (!first) text += style_.item_separator;
      first = false;
      line(level + 1);
      body(item);
    }
    if (!first) line(level);
    text += close;
  }

  void list(const std::vector<Value>& all, int level) {
    items(all, level, '[', ']', [&](const Value& item) { write(item, level + 1); });
  }

  void dict(const Dict& dict, int level) {
    auto entries = dict.entries;
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto& a, const auto& b) { return compare(a.first, b.first) < 0; });
    }
    items(entries, level, '{', '}', [&](const auto& entry) {
      key(entry.first);
      text += style_.key_separator;
      write(entry.second, level + 1);
    });
  }

  void key(const Value& key) {
    if (key.is_string()) {
      text += escaped(key.string(), style_.ascii);
      return;
    }
    if (!key.is_none() && !key.is_number()) {
      throw Error("keys must be str, int, float, bool or None, not " + type_name(key));
    }
    text += '"';
    write(key, 0);
    text += '"';
  }

  const JsonStyle& style_;
  Budget& budget_;
};

}  // namespace

std::string to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  Writer writer(style, budget);
  writer.write(value, 0);
  return std::move(writer.text);
}

}  // namespace scalselect::vlm::jinja
