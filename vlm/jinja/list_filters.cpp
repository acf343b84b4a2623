// Jinja2's filters of lists and dicts.
#include <algorithm>

#include "vlm/jinja/filter_call.h"
#include "vlm/jinja/text.h"

namespace scalselect::vlm::jinja {
namespace {

Value generator(std::vector<Value> items) { return make_sequence(Sequence::Kind::kGenerator, std::move(items)); }

/// What to sort and to compare by: the item or its attribute, without case unless it matters.
Value key_of(const Value& item, const Value* attribute, bool with_case, Budget& budget) {
  auto key = attribute == nullptr || attribute->is_none() ? item : dotted(item, *attribute, budget);
  if (with_case || !key.is_string()) return key;
  budget.text(key.string().size());
  return lower(key.string());
}

Value length_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  return length(call.operand);
}

Value list_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  return Value::list(call.items());
}

Value join_filter(const FilterCall& call) {
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

Value first_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  const bool once =
      call.operand.is(Value::Type::kSequence) && call.operand.sequence().kind == Sequence::Kind::kGenerator;
  auto items = call.items();
  if (items.empty()) return Value::undefined("No first item, sequence was empty.");
  if (once) call.operand.sequence().items.assign(items.begin() + 1, items.end());
  return items.front();
}

Value last_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  if (!call.operand.is_undefined()) length(call.operand);  // raises for a generator, as reversed() does
  auto items = call.items();
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value reverse_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  auto items = call.items();
  std::reverse(items.begin(), items.end());
  if (!call.operand.is_string()) return generator(std::move(items));
  std::string out;
  for (const auto& item : items) out += item.string();
  return out;
}

Value map_filter(const FilterCall& call) {
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
Value select_filter(const FilterCall& call) {
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

Value items_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  if (call.operand.is_undefined()) return generator({});
  if (!call.operand.is(Value::Type::kDict)) throw Error("Can only get item pairs from a mapping.");
  return generator(container_method(call.operand, "items", call.budget).callable().call({}).sequence().items);
}

Value unique_filter(const FilterCall& call) {
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

Value sort_filter(const FilterCall& call) {
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

Value dictsort_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"case_sensitive", "by", "reverse"});
  const std::string by = args.find("by") == nullptr ? "key" : args.text("by");
  if (by != "key" && by != "value") throw Error("You can only sort by either \"key\" or \"value\"");
  if (call.operand.is_undefined()) call.operand.raise_undefined();
  if (!call.operand.is(Value::Type::kDict))
    throw Error("'" + type_name(call.operand) + "' object has no attribute 'items'");
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

Value sum_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"attribute", "start"});
  Value sum = args.find("start") == nullptr ? Value(0) : *args.find("start");
  for (const auto& item : call.items()) {
    sum = arithmetic("+", sum, key_of(item, args.find("attribute"), true, call.budget), call.budget);
  }
  return sum;
}

template <bool kLeast>
Value extreme_filter(const FilterCall& call) {
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

Value batch_filter(const FilterCall& call) {
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

Value groupby_filter(const FilterCall& call) {
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

}  // namespace

const FilterTable& list_filters() {
  static const FilterTable all = {
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
  };
  return all;
}

}  // namespace scalselect::vlm::jinja
