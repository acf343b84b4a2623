// The methods of Python's str, dict, list and tuple.
#include <algorithm>
#include <functional>
#include <map>

#include "vlm/jinja/operations.h"
#include "vlm/jinja/text.h"

namespace scalselect::vlm::jinja {
namespace {

using Type = Value::Type;

struct Call {
  const std::string& text;
  const std::string& name;
  const Arguments& given;
  Budget& budget;
};
using TextMethod = Value (*)(const Call&);

Value texts(const std::vector<std::string>& parts, Budget& budget) {
  budget.spend(std::ssize(parts));
  std::vector<Value> items(parts.begin(), parts.end());
  return Value::list(std::move(items));
}

template <bool kLeft, bool kRight>
Value strip_method(const Call& call) {
  const Parameters args(call.name, call.given, {"chars"});
  return strip(call.text, args.optional_text("chars"), kLeft, kRight);
}

template <std::vector<std::string> (*kSplit)(std::string_view, const std::string*, std::int64_t)>
Value split_method(const Call& call) {
  const Parameters args(call.name, call.given, {"sep", "maxsplit"});
  const auto* separator = args.optional_text("sep");
  if (separator != nullptr && separator->empty()) throw Error("empty separator");
  return texts(kSplit(call.text, separator, args.integer("maxsplit", -1)), call.budget);
}

Value splitlines_method(const Call& call) {
  const Parameters args(call.name, call.given, {"keepends"});
  return texts(split_lines(call.text, args.flag("keepends")), call.budget);
}

template <std::string (*kChange)(std::string_view)>
Value change_method(const Call& call) {
  const Parameters args(call.name, call.given, {});
  return kChange(call.text);
}

bool has(std::string_view text, std::string_view part, bool front) {
  return front ? text.starts_with(part) : text.ends_with(part);
}

/// The part of the text between two positions of startswith, find and so on; false: they exclude even an empty text.
bool cut(std::string_view& text, const Parameters& args, std::int64_t& skipped) {
  if (args.find("start") == nullptr) return true;
  const auto points = points_of(text);
  const auto size = static_cast<std::int64_t>(points.size());
  const auto place = [&](const char* name, std::int64_t otherwise) {
    const auto* value = args.find(name);
    if (value == nullptr || value->is_none()) return otherwise;
    const auto at = require_integer(*value);
    return at < 0 ? std::max<std::int64_t>(at < -size ? 0 : at + size, 0) : at;
  };
  const auto begin = place("start", 0), end = std::min(place("end", size), size);
  if (begin > end) return false;
  const auto bytes = [&](std::int64_t from, std::int64_t to) {
    return utf8_of(
               std::u32string_view(points).substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)))
        .size();
  };
  const auto before = bytes(0, begin), inside = bytes(begin, end);
  text = text.substr(before, inside);
  skipped = begin;
  return true;
}

template <bool kFront>
Value ends_method(const Call& call) {
  const Parameters args(call.name, call.given, {"prefix", "start", "end"});
  std::string_view text = call.text;
  std::int64_t skipped = 0;
  const bool inside = cut(text, args, skipped);
  const auto& part = args.require("prefix");
  if (!part.is(Type::kSequence) || part.sequence().kind != Sequence::Kind::kTuple) {
    return inside && has(text, args.text("prefix"), kFront);
  }
  const auto& parts = part.sequence().items;
  return inside && std::any_of(parts.begin(), parts.end(),
                               [&](const Value& one) { return has(text, require_text(one), kFront); });
}

template <bool kRight, bool kMust>
Value find_method(const Call& call) {
  const Parameters args(call.name, call.given, {"sub", "start", "end"});
  std::string_view text = call.text;
  std::int64_t skipped = 0;
  const auto& part = args.text("sub");
  call.budget.spend(static_cast<std::int64_t>(text.size() / 64));
  const bool inside = cut(text, args, skipped);
  const auto at = !inside ? text.npos : kRight ? text.rfind(part) : text.find(part);
  if (at != text.npos) return skipped + count_points(text.substr(0, at));
  if (kMust) throw Error("substring not found");
  return -1;
}

Value count_method(const Call& call) {
  const Parameters args(call.name, call.given, {"sub", "start", "end"});
  std::string_view text = call.text;
  std::int64_t skipped = 0, hits = 0;
  const auto& part = args.text("sub");
  if (!cut(text, args, skipped)) return 0;
  if (part.empty()) return count_points(text) + 1;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++hits;
  return hits;
}

Value replace_method(const Call& call) {
  const Parameters args(call.name, call.given, {"old", "new", "count"});
  const auto& from = args.text("old");
  const auto& to = args.text("new");
  const auto most = args.integer("count", -1);
  call.budget.text(replaced_size(call.text, from, to, most));
  return replace(call.text, from, to, most);
}

Value join_method(const Call& call) {
  const Parameters args(call.name, call.given, {"iterable"});
  std::string out;
  bool first = true;
  for (const auto& part : iterate(args.require("iterable"), call.budget)) {
    if (!first) out += call.text;
    first = false;
    out += require_text(part);
    call.budget.text(0);
    if (out.size() > kMostText) call.budget.text(out.size());
  }
  call.budget.text(out.size());
  return out;
}

template <bool kFront>
Value remove_method(const Call& call) {
  const Parameters args(call.name, call.given, {"part"});
  const auto& part = args.text("part");
  if (!has(call.text, part, kFront)) return call.text;
  return kFront ? call.text.substr(part.size()) : call.text.substr(0, call.text.size() - part.size());
}

template <bool kRight>
Value partition_method(const Call& call) {
  const Parameters args(call.name, call.given, {"sep"});
  const auto& part = args.text("sep");
  if (part.empty()) throw Error("empty separator");
  const auto at = kRight ? call.text.rfind(part) : call.text.find(part);
  std::vector<Value> items;
  if (at != std::string::npos) items = {call.text.substr(0, at), part, call.text.substr(at + part.size())};
  else if (kRight) items = {"", "", call.text};
  else items = {call.text, "", ""};
  return make_sequence(Sequence::Kind::kTuple, std::move(items));
}

template <bool (*kIs)(char32_t)>
Value all_method(const Call& call) {
  const Parameters args(call.name, call.given, {});
  const auto points = points_of(call.text);
  return !points.empty() && std::all_of(points.begin(), points.end(), kIs);
}

bool is_letter_or_digit(char32_t c) { return is_letter(c) || is_decimal(c); }

template <bool (*kIs)(std::string_view)>
Value case_method(const Call& call) {
  const Parameters args(call.name, call.given, {});
  return kIs(call.text);
}

/// Spaces (or `fill`) on one side or both.
template <int kSide>
Value pad_method(const Call& call) {
  const Parameters args(call.name, call.given, {"width", "fillchar"});
  const auto* fill = args.optional_text("fillchar");
  const std::string one = fill == nullptr ? " " : *fill;
  if (count_points(one) != 1) throw Error("The fill character must be exactly one character long");
  const auto width = args.integer("width"), size = count_points(call.text);
  const auto missing = std::max<std::int64_t>(0, width - size);
  const auto left = kSide > 0 ? missing : kSide < 0 ? 0 : missing / 2 + (missing & width & 1);
  const auto fills = [&](std::int64_t times) { return arithmetic("*", one, times, call.budget).string(); };
  return fills(left) + call.text + fills(missing - left);
}

Value zfill_method(const Call& call) {
  const Parameters args(call.name, call.given, {"width"});
  const auto missing = std::max<std::int64_t>(0, args.integer("width") - count_points(call.text));
  const bool sign = call.text.starts_with('-') || call.text.starts_with('+');
  return call.text.substr(0, sign ? 1 : 0) + arithmetic("*", "0", missing, call.budget).string() +
         call.text.substr(sign ? 1 : 0);
}

/// "{} {0} {name}", without conversions and format specifications.
Value format_method(const Call& call) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < call.text.size(); ++i) {
    const char c = call.text[i];
    if (c != '{' && c != '}') {
      out += c;
      continue;
    }
    if (i + 1 < call.text.size() && call.text[i + 1] == c) {
      out += call.text[i++];
      continue;
    }
    const auto end = call.text.find('}', i);
    if (c == '}' || end == std::string::npos)
      throw Error("Single '" + std::string(1, c) + "' encountered in format string");
    const auto field = call.text.substr(i + 1, end - i - 1);
    i = end;
    const bool digits = std::all_of(field.begin(), field.end(), [](char d) { return d >= '0' && d <= '9'; });
    if (digits && field.size() < 6) {
      const auto index = field.empty() ? next++ : static_cast<std::size_t>(std::stoul(field));
      if (index >= call.given.positional.size())
        throw Error("Replacement index out of range for positional args tuple");
      out += to_text(call.given.positional[index], call.budget);
      continue;
    }
    const auto named = std::find_if(call.given.named.begin(), call.given.named.end(),
                                    [&](const auto& one) { return one.first == field; });
    if (named == call.given.named.end())
      throw Error("the field {" + field + "} of a format is not supported or not given");
    out += to_text(named->second, call.budget);
  }
  call.budget.text(out.size());
  return out;
}

const std::map<std::string_view, TextMethod>& text_methods() {
  static const std::map<std::string_view, TextMethod> all = {
      {"strip", strip_method<true, true>},
      {"lstrip", strip_method<true, false>},
      {"rstrip", strip_method<false, true>},
      {"split", split_method<split>},
      {"rsplit", split_method<split_right>},
      {"splitlines", splitlines_method},
      {"upper", change_method<upper>},
      {"lower", change_method<lower>},
      {"casefold", change_method<lower>},
      {"capitalize", change_method<capitalize>},
      {"title", change_method<title>},
      {"startswith", ends_method<true>},
      {"endswith", ends_method<false>},
      {"find", find_method<false, false>},
      {"rfind", find_method<true, false>},
      {"index", find_method<false, true>},
      {"rindex", find_method<true, true>},
      {"count", count_method},
      {"replace", replace_method},
      {"join", join_method},
      {"removeprefix", remove_method<true>},
      {"removesuffix", remove_method<false>},
      {"partition", partition_method<false>},
      {"rpartition", partition_method<true>},
      {"isspace", all_method<is_blank>},
      {"isalpha", all_method<is_letter>},
      {"isdigit", all_method<is_decimal>},
      {"isdecimal", all_method<is_decimal>},
      {"isnumeric", all_method<is_decimal>},
      {"isalnum", all_method<is_letter_or_digit>},
      {"islower", case_method<is_lower>},
      {"isupper", case_method<is_upper>},
      {"ljust", pad_method<-1>},
      {"rjust", pad_method<1>},
      {"center", pad_method<0>},
      {"zfill", zfill_method},
      {"format", format_method},
  };
  return all;
}

Value dict_view(const Value& object, const std::string& name, Budget& budget) {
  std::vector<Value> items;
  for (const auto& [key, value] : object.dict().entries) {
    budget.spend(1);
    if (name == "keys") items.push_back(key);
    else if (name == "values") items.push_back(value);
    else items.push_back(make_sequence(Sequence::Kind::kTuple, {key, value}));
  }
  return make_sequence(Sequence::Kind::kView, std::move(items), "dict_" + name);
}

Value list_place(const Value& object, const std::string& name, const Arguments& given, Budget& budget) {
  const Parameters args(name, given, {"value"});
  std::int64_t hits = 0;
  const auto& items = object.sequence().items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!equal(items[i], args.require("value"), budget)) continue;
    if (name == "index") return static_cast<std::int64_t>(i);
    ++hits;
  }
  if (name == "index") throw Error(to_repr(args.require("value")) + " is not in list");
  return hits;
}

}  // namespace

Value text_method(const Value& object, const std::string& name, Budget& budget) {
  const auto found = text_methods().find(name);
  if (found == text_methods().end()) return Value::undefined("'str object' has no attribute '" + name + "'");
  return Value::callable(name, [object, name, method = found->second, &budget](const Arguments& given) {
    budget.text(object.string().size());
    auto made = method({object.string(), name, given, budget});
    if (made.is_string()) budget.text(made.string().size());
    return made;
  });
}

Value container_method(const Value& object, const std::string& name, Budget& budget) {
  const auto method = [&](auto&& body) {
    return Value::callable(
        name, [object, name, body, &budget](const Arguments& given) { return body(object, name, given, budget); },
        object.nesting());
  };
  if (object.is(Type::kDict)) {
    if (name == "items" || name == "keys" || name == "values") {
      return method([](const Value& self, const std::string& called, const Arguments& given, Budget& spent) {
        const Parameters args(called, given, {});
        return dict_view(self, called, spent);
      });
    }
    if (name == "get") {
      return method([](const Value& self, const std::string& called, const Arguments& given, Budget& spent) {
        const Parameters args(called, given, {"key", "default"});
        spent.spend(1 + std::ssize(self.dict().entries) / 16);
        if (const auto* entry = self.dict().find(args.require("key"))) return *entry;
        return args.find("default") == nullptr ? Value() : *args.find("default");
      });
    }
  } else if (object.sequence().kind == Sequence::Kind::kList || object.sequence().kind == Sequence::Kind::kTuple) {
    if (name == "index" || name == "count") {
      return method([](const Value& self, const std::string& called, const Arguments& given, Budget& spent) {
        return list_place(self, called, given, spent);
      });
    }
  }
  if (name == "copy" && (object.is(Type::kDict) || object.sequence().kind == Sequence::Kind::kList)) {
    return method([](const Value& self, const std::string& called, const Arguments& given, Budget&) {
      const Parameters args(called, given, {});
      return self;
    });
  }
  for (const auto* changes :
       {"append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update"}) {
    if (name == changes)
      return Value::undefined("access to attribute '" + name + "' of '" + type_name(object) + "' object is unsafe");
  }
  return Value::undefined("'" + type_name(object) + " object' has no attribute '" + name + "'");
}

}  // namespace scalselect::vlm::jinja
