// Jinja2's filters, as transformers' environment has them.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>

#include "vlm/jinja/operations.h"
#include "vlm/jinja/text.h"

namespace scalselect::vlm::jinja {
namespace {

using Type = Value::Type;

struct Call {
  const std::string& name;
  const Value& operand;
  const Arguments& given;
  Budget& budget;

  std::string text() const { return to_text(operand, budget); }
  std::vector<Value> items() const { return iterate(operand, budget); }
};
using Filter = Value (*)(const Call&);

Value generator(std::vector<Value> items) { return make_sequence(Sequence::Kind::kGenerator, std::move(items)); }

/// What to sort and to compare by: the item or its attribute, without case unless it matters.
Value key_of(const Value& item, const Value* attribute, bool with_case, Budget& budget) {
  auto key = attribute == nullptr || attribute->is_none() ? item : dotted(item, *attribute, budget);
  if (with_case || !key.is_string()) return key;
  budget.text(key.string().size());
  return lower(key.string());
}

// -- Texts.

Value trim_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"chars"});
  return strip(call.text(), args.optional_text("chars"), true, true);
}

template <std::string (*kChange)(std::string_view)>
Value change_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  return kChange(call.text());
}

/// Words end at blanks, hyphens and opening brackets, as Jinja2 has it (str.title differs).
std::string title_words(std::string_view text) {
  std::string out, word;
  const auto flush = [&] {
    if (!word.empty()) {
      const auto first = characters_of(word).front();
      out += upper(first) + lower(std::string_view(word).substr(first.size()));
    }
    word.clear();
  };
  for (const auto& one : characters_of(text)) {
    const bool border = is_blank(points_of(one)[0]) || std::string_view("-({[<").find(one) != std::string_view::npos;
    if (!border) {
      word += one;
      continue;
    }
    flush();
    out += one;
  }
  flush();
  return out;
}

Value string_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  return call.text();
}

Value replace_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"old", "new", "count"});
  const auto from = to_text(args.require("old"), call.budget), to = to_text(args.require("new"), call.budget);
  const auto* count = args.find("count");
  const auto most = count == nullptr || count->is_none() ? -1 : require_integer(*count);
  const auto text = call.text();
  call.budget.text(replaced_size(text, from, to, most));
  return replace(text, from, to, most);
}

Value indent_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"width", "first", "blank"});
  const auto* width = args.find("width");
  const auto blanks = width != nullptr && width->is_string()
                          ? width->string()
                          : arithmetic("*", " ", args.integer("width", 4), call.budget).string();
  std::string out = args.flag("first") ? blanks : "";
  bool first = true;
  const auto text = call.text() + "\n";
  for (const auto& line : split_lines(text, false)) {
    call.budget.text(out.size() / 64 + line.size());
    if (!first) out += '\n' + (line.empty() && !args.flag("blank") ? "" : blanks);
    first = false;
    out += line;
    if (out.size() > kMostText) call.budget.text(out.size());
  }
  call.budget.text(out.size());
  return out;
}

Value escape_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  std::string out;
  const auto text = call.text();
  call.budget.text(5 * text.size());
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '\'') out += "&#39;";
    else if (c == '"') out += "&#34;";
    else out += c;
  }
  return out;
}

Value tojson_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = args.flag("ensure_ascii");
  style.sort_keys = args.flag("sort_keys");
  if (const auto* indent = args.find("indent"); indent != nullptr && !indent->is_none()) {
    style.indent =
        indent->is_string()
            ? indent->string()
            : arithmetic("*", " ", std::max<std::int64_t>(0, require_integer(*indent)), call.budget).string();
    style.item_separator = ",";
  }
  if (const auto* pair = args.find("separators"); pair != nullptr && !pair->is_none()) {
    const auto both = iterate(*pair, call.budget);
    if (both.size() != 2) throw Error("'separators' must be two texts");
    style.item_separator = require_text(both[0]);
    style.key_separator = require_text(both[1]);
  }
  return to_json(call.operand, style, call.budget);
}

Value format_filter(const Call& call) {
  if (!call.given.named.empty()) {
    std::vector<std::pair<Value, Value>> entries;
    for (const auto& [name, value] : call.given.named) entries.emplace_back(name, value);
    return percent_format(call.text(), make_dict(entries, call.budget), call.budget);
  }
  return percent_format(call.text(), make_sequence(Sequence::Kind::kTuple, call.given.positional), call.budget);
}

// -- Numbers.

/// Python's int(text, base).
bool read_integer(std::string text, int base, std::int64_t& out) {
  text = strip(text, nullptr, true, true);
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.erase(0, 1);
  const auto prefix = lower(text.substr(0, 2));
  const int marked = prefix == "0x" ? 16 : prefix == "0o" ? 8 : prefix == "0b" ? 2 : 0;
  if (marked != 0 && (base == marked || base == 0)) text.erase(0, 2);
  if (base == 0) base = marked == 0 ? 10 : marked;
  if (text.empty() || text.front() == '_' || text.back() == '_' || text.find("__") != text.npos) return false;
  text = replace(text, "_", "", -1);
  if (text.front() == '-') return false;
  std::uint64_t size = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), size, base);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return false;
  if (size > static_cast<std::uint64_t>(INT64_MAX)) return false;
  out = minus ? -static_cast<std::int64_t>(size) : static_cast<std::int64_t>(size);
  return true;
}

bool read_float(std::string text, double& out) {
  text = replace(strip(text, nullptr, true, true), "_", "", -1);
  const auto bare = text.find_first_of("xXpP") != text.npos || text.empty() ? std::string() : text;
  char* end = nullptr;
  out = std::strtod(bare.c_str(), &end);
  return !bare.empty() && *end == 0;
}

Value whole(double value, const Value& otherwise) {
  if (!(std::abs(value) < 9.2e18)) return otherwise;
  return static_cast<std::int64_t>(value);
}

Value int_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"default", "base"});
  const Value otherwise = args.find("default") == nullptr ? Value(0) : *args.find("default");
  if (call.operand.is_undefined()) call.operand.raise_undefined();
  if (call.operand.is_integer()) return call.operand.integer();
  if (call.operand.is_number()) return whole(call.operand.number(), otherwise);
  if (!call.operand.is_string()) return otherwise;
  std::int64_t value = 0;
  const auto base = args.integer("base", 10);
  if (base != 0 && (base < 2 || base > 36)) return otherwise;
  if (read_integer(call.operand.string(), static_cast<int>(base), value)) return value;
  double real = 0;
  return read_float(call.operand.string(), real) ? whole(real, otherwise) : otherwise;
}

Value float_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"default"});
  if (call.operand.is_undefined()) call.operand.raise_undefined();
  if (call.operand.is_number()) return call.operand.number();
  double value = 0;
  if (call.operand.is_string() && read_float(call.operand.string(), value)) return value;
  return args.find("default") == nullptr ? Value(0.0) : *args.find("default");
}

Value round_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"precision", "method"});
  const auto precision = args.integer("precision", 0);
  const std::string method = args.find("method") == nullptr ? "common" : args.text("method");
  if (method != "common" && method != "ceil" && method != "floor") {
    throw Error("method must be common, ceil or floor");
  }
  if (!call.operand.is_number()) throw Error("type " + type_name(call.operand) + " doesn't define __round__ method");
  if (call.operand.is_integer() && method == "common" && precision >= 0) return call.operand.integer();
  const double value = call.operand.number();
  if (method == "common" && precision >= 0 && precision < 300) {
    char digits[700];
    std::snprintf(digits, sizeof digits, "%.*f", static_cast<int>(precision), value);
    return std::strtod(digits, nullptr);
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = value * scale;
  const double made = (method == "ceil"    ? std::ceil(scaled)
                       : method == "floor" ? std::floor(scaled)
                                           : std::nearbyint(scaled)) /
                      scale;
  if (call.operand.is_integer() && method == "common") return whole(made, 0);
  return made;
}

Value abs_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  const bool minus = call.operand.is_number() && call.operand.number() < 0;
  return negative(call.operand, minus);
}

// -- Lists.

Value length_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  return length(call.operand);
}

Value list_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  return Value::list(call.items());
}

Value join_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"d", "attribute"});
  const auto between = args.find("d") == nullptr ? std::string() : to_text(*args.find("d"), call.budget);
  const auto* attribute = args.find("attribute");
  std::string out;
  bool first = true;
  for (const auto& item : call.items()) {
    if (!first) out += between;
    first = false;
    out += to_text(key_of(item, attribute, true, call.budget), call.budget);
    call.budget.spend(static_cast<std::int64_t>(between.size() / 64));
    if (out.size() > kMostText) call.budget.text(out.size());
  }
  return out;
}

Value first_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  const bool once = call.operand.is(Type::kSequence) && call.operand.sequence().kind == Sequence::Kind::kGenerator;
  auto items = call.items();
  if (items.empty()) return Value::undefined("No first item, sequence was empty.");
  if (once) call.operand.sequence().items.assign(items.begin() + 1, items.end());
  return items.front();
}

Value last_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  if (!call.operand.is_undefined()) length(call.operand);  // raises for a generator, as reversed() does
  auto items = call.items();
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value reverse_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  auto items = call.items();
  std::reverse(items.begin(), items.end());
  if (!call.operand.is_string()) return generator(std::move(items));
  std::string out;
  for (const auto& item : items) out += item.string();
  return out;
}

Value map_filter(const Call& call) {
  std::vector<Value> made;
  if (call.given.positional.empty()) {
    const Parameters args(call.name, call.given, {"attribute", "default"});
    for (const auto& item : call.items()) {
      auto value = dotted(item, args.require("attribute"), call.budget);
      if (value.is_undefined() && args.find("default") != nullptr) value = *args.find("default");
      made.push_back(std::move(value));
    }
    return generator(std::move(made));
  }
  Arguments rest = call.given;
  const auto name = require_text(rest.positional.front());
  rest.positional.erase(rest.positional.begin());
  for (const auto& item : call.items()) made.push_back(apply_filter(name, item, rest, call.budget));
  return generator(std::move(made));
}

/// select, reject, selectattr, rejectattr.
template <bool kAttribute, bool kKeep>
Value select_filter(const Call& call) {
  Arguments rest = call.given;
  const auto take = [&] {
    auto value = rest.positional.front();
    rest.positional.erase(rest.positional.begin());
    return value;
  };
  Value attribute;
  if (kAttribute) {
    if (rest.positional.empty()) throw Error("Missing parameter for attribute name");
    attribute = take();
  }
  std::string test;
  if (!rest.positional.empty()) test = require_text(take());
  std::vector<Value> kept;
  for (const auto& item : call.items()) {
    const auto value = kAttribute ? dotted(item, attribute, call.budget) : item;
    const bool holds = test.empty() ? truth(value) : apply_test(test, value, rest, call.budget);
    if (holds == kKeep) kept.push_back(item);
  }
  return generator(std::move(kept));
}

Value items_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  if (call.operand.is_undefined()) return generator({});
  if (!call.operand.is(Type::kDict)) throw Error("Can only get item pairs from a mapping.");
  return generator(container_method(call.operand, "items", call.budget).callable().call({}).sequence().items);
}

Value unique_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"case_sensitive", "attribute"});
  std::vector<Value> kept, keys;
  for (const auto& item : call.items()) {
    auto key = key_of(item, args.find("attribute"), args.flag("case_sensitive"), call.budget);
    const bool known =
        std::any_of(keys.begin(), keys.end(), [&](const Value& k) { return equal(k, key, call.budget); });
    if (known) continue;
    keys.push_back(std::move(key));
    kept.push_back(item);
  }
  return generator(std::move(kept));
}

/// Items with the keys that they are sorted by.
using Keyed = std::vector<std::pair<Value, Value>>;

void sort_by_key(Keyed& items, bool reverse, Budget& budget) {
  if (reverse) std::reverse(items.begin(), items.end());
  std::stable_sort(items.begin(), items.end(), [&](const auto& a, const auto& b) {
    budget.spend(std::min(a.first.weight(), b.first.weight()));
    return compare(a.first, b.first) < 0;
  });
  if (reverse) std::reverse(items.begin(), items.end());
}

Value sort_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"reverse", "case_sensitive", "attribute"});
  Keyed keyed;
  for (const auto& item : call.items()) {
    keyed.emplace_back(key_of(item, args.find("attribute"), args.flag("case_sensitive"), call.budget), item);
  }
  sort_by_key(keyed, args.flag("reverse"), call.budget);
  std::vector<Value> out;
  for (auto& [key, item] : keyed) out.push_back(std::move(item));
  return Value::list(std::move(out));
}

Value dictsort_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"case_sensitive", "by", "reverse"});
  const std::string by = args.find("by") == nullptr ? "key" : args.text("by");
  if (by != "key" && by != "value") throw Error("You can only sort by either \"key\" or \"value\"");
  if (call.operand.is_undefined()) call.operand.raise_undefined();
  if (!call.operand.is(Type::kDict)) throw Error("'" + type_name(call.operand) + "' object has no attribute 'items'");
  Keyed keyed;
  for (const auto& [key, value] : call.operand.dict().entries) {
    call.budget.spend(1);
    keyed.emplace_back(key_of(by == "key" ? key : value, nullptr, args.flag("case_sensitive"), call.budget),
                       make_sequence(Sequence::Kind::kTuple, {key, value}));
  }
  sort_by_key(keyed, args.flag("reverse"), call.budget);
  std::vector<Value> out;
  for (auto& [key, pair] : keyed) out.push_back(std::move(pair));
  return Value::list(std::move(out));
}

Value sum_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"attribute", "start"});
  Value sum = args.find("start") == nullptr ? Value(0) : *args.find("start");
  for (const auto& item : call.items()) {
    sum = arithmetic("+", sum, key_of(item, args.find("attribute"), true, call.budget), call.budget);
  }
  return sum;
}

template <bool kLeast>
Value extreme_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"case_sensitive", "attribute"});
  const auto items = call.items();
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const auto key = [&](const Value& item) {
    return key_of(item, args.find("attribute"), args.flag("case_sensitive"), call.budget);
  };
  Value best = items.front();
  for (const auto& item : items) {
    const auto order = compare(key(item), key(best));
    if (kLeast ? order < 0 : order > 0) best = item;
  }
  return best;
}

Value batch_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"linecount", "fill_with"});
  const auto size = args.integer("linecount");
  std::vector<Value> rows, row;
  for (const auto& item : call.items()) {
    if (std::ssize(row) == size) rows.push_back(Value::list(std::exchange(row, {})));
    row.push_back(item);
  }
  const auto* fill = args.find("fill_with");
  for (; !row.empty() && fill != nullptr && !fill->is_none() && std::ssize(row) < size; call.budget.spend(1)) {
    row.push_back(*fill);
  }
  if (!row.empty()) rows.push_back(Value::list(std::move(row)));
  return generator(std::move(rows));
}

Value groupby_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"attribute", "default", "case_sensitive"});
  Keyed keyed;
  for (const auto& item : call.items()) {
    auto value = dotted(item, args.require("attribute"), call.budget);
    if (value.is_undefined() && args.find("default") != nullptr) value = *args.find("default");
    keyed.emplace_back(key_of(value, nullptr, args.flag("case_sensitive"), call.budget),
                       make_sequence(Sequence::Kind::kTuple, {value, item}));
  }
  sort_by_key(keyed, false, call.budget);
  std::vector<Value> groups;
  for (std::size_t i = 0; i < keyed.size();) {
    std::vector<Value> group;
    const auto first = i;
    for (; i < keyed.size() && equal(keyed[i].first, keyed[first].first, call.budget); ++i) {
      group.push_back(keyed[i].second.sequence().items[1]);
    }
    groups.push_back(make_sequence(Sequence::Kind::kTuple,
                                   {keyed[first].second.sequence().items[0], Value::list(std::move(group))}));
  }
  return Value::list(std::move(groups));
}

// -- Others.

Value default_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"default_value", "boolean"});
  const bool use = call.operand.is_undefined() || (args.flag("boolean") && !truth(call.operand));
  if (!use) return call.operand;
  return args.find("default_value") == nullptr ? Value("") : *args.find("default_value");
}

Value same_filter(const Call& call) {
  const Parameters args(call.name, call.given, {});
  return call.operand.is_undefined() || !call.operand.is_string() ? Value(call.text()) : call.operand;
}

Value attr_filter(const Call& call) {
  const Parameters args(call.name, call.given, {"name"});
  return call.operand.is(Type::kDict) &&
                 !container_method(call.operand, args.text("name"), call.budget).is(Type::kCallable)
             ? Value::undefined("'dict object' has no attribute '" + args.text("name") + "'")
             : attribute(call.operand, args.text("name"), call.budget);
}

const std::map<std::string_view, Filter>& filters() {
  static const std::map<std::string_view, Filter> all = {
      {"trim", trim_filter},
      {"upper", change_filter<upper>},
      {"lower", change_filter<lower>},
      {"capitalize", change_filter<capitalize>},
      {"title", change_filter<title_words>},
      {"string", string_filter},
      {"safe", same_filter},
      {"escape", escape_filter},
      {"e", escape_filter},
      {"forceescape", escape_filter},
      {"replace", replace_filter},
      {"indent", indent_filter},
      {"tojson", tojson_filter},
      {"format", format_filter},
      {"int", int_filter},
      {"float", float_filter},
      {"round", round_filter},
      {"abs", abs_filter},
      {"length", length_filter},
      {"count", length_filter},
      {"list", list_filter},
      {"join", join_filter},
      {"first", first_filter},
      {"last", last_filter},
      {"reverse", reverse_filter},
      {"map", map_filter},
      {"select", select_filter<false, true>},
      {"reject", select_filter<false, false>},
      {"selectattr", select_filter<true, true>},
      {"rejectattr", select_filter<true, false>},
      {"items", items_filter},
      {"unique", unique_filter},
      {"sort", sort_filter},
      {"dictsort", dictsort_filter},
      {"sum", sum_filter},
      {"min", extreme_filter<true>},
      {"max", extreme_filter<false>},
      {"batch", batch_filter},
      {"groupby", groupby_filter},
      {"default", default_filter},
      {"d", default_filter},
      {"attr", attr_filter},
  };
  return all;
}

}  // namespace

bool is_filter(const std::string& name) { return filters().contains(name); }

Value apply_filter(const std::string& name, const Value& operand, const Arguments& arguments, Budget& budget) {
  const auto found = filters().find(name);
  if (found == filters().end()) throw Error("there is no filter named '" + name + "'");
  budget.spend(1);
  auto made = found->second({name, operand, arguments, budget});
  if (made.is_string()) budget.text(made.string().size());
  return made;
}

}  // namespace scalselect::vlm::jinja
