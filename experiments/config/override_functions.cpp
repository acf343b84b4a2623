#include "experiments/config/override_functions.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "core/error.h"
#include "experiments/config/override_lexer.h"
#include "experiments/config/python_text.h"

namespace scalselect::config {
namespace {

[[noreturn]] void fail(const std::string& reason) { throw UserError(ErrorKind::kUsage, reason); }

std::string written_form(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull: return "null";
    case Kind::kString: return escape_special(value.as_string());
    case Kind::kList: {
      std::string out;
      for (const auto& item : value.items()) out += (out.empty() ? "" : ",") + written_form(item);
      return "[" + out + "]";
    }
    case Kind::kMap: {
      std::string out;
      for (const auto& [key, item] : value.entries()) {
        out += (out.empty() ? "" : ",") + written_form(key) + ":" + written_form(item);
      }
      return "{" + out + "}";
    }
    default: return python_str(value);
  }
}

bool is_number(const Value& v) { return v.is_int() || v.is_float(); }

double as_double(const Value& v) {
  return v.is_float() ? v.as_float() : v.is_bool() ? (v.as_bool() ? 1.0 : 0.0) : static_cast<double>(v.as_int());
}

bool is_sweep(const Argument& a) { return a.sweep.kind != SweepKind::kNone; }
bool is_choice(const Argument& a) {
  return a.sweep.kind == SweepKind::kChoice || a.sweep.kind == SweepKind::kSimpleChoice;
}

/// Arguments by parameter name, as Python binds them.
class Bound {
 public:
  Bound(FunctionCall& call, std::vector<std::string> names) : names_(std::move(names)) {
    if (call.positional.size() > names_.size()) fail("too many positional arguments");
    for (std::size_t i = 0; i < call.positional.size(); ++i) values_[names_[i]] = std::move(call.positional[i]);
    for (auto& [name, value] : call.named) {
      if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
        fail("got an unexpected keyword argument '" + name + "'");
      }
      if (!values_.emplace(name, std::move(value)).second) fail("multiple values for argument '" + name + "'");
    }
  }
  const Argument* find(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
  }
  const Argument& need(const std::string& name) const {
    const Argument* found = find(name);
    if (!found) fail("missing a required argument: '" + name + "'");
    return *found;
  }

 private:
  std::vector<std::string> names_;
  std::map<std::string, Argument> values_;
};

const Value& number_argument(const Argument& argument, const std::string& name) {
  if (is_sweep(argument) || !is_number(argument.element.value)) {
    fail("mismatch type argument " + name + ": " + std::string(kind_name(argument.element.value.kind())) +
         " is incompatible with Union[int, float]");
  }
  return argument.element.value;
}

// ---- casts ----

using Cast = std::function<Value(const Value&)>;

Value cast_int(const Value& v) {
  if (v.is_int()) return v;
  if (v.is_bool()) return Value::integer(v.as_bool());
  if (v.is_float()) {
    if (!std::isfinite(v.as_float())) fail("cannot convert float " + float_repr(v.as_float()) + " to integer");
    return Value::integer(static_cast<std::int64_t>(v.as_float()));
  }
  if (v.is_string()) {
    if (const auto digits = parse_python_int(v.as_string())) return Value::big_integer(*digits);
    fail("invalid literal for int() with base 10: " + python_repr(v));
  }
  fail("null cannot be cast to int");
}

Value cast_float(const Value& v) {
  if (v.is_float()) return v;
  if (v.is_int() || v.is_bool()) return Value::floating(as_double(v));
  if (v.is_string()) {
    if (const auto number = parse_python_float(v.as_string())) return Value::floating(*number);
    fail("could not convert string to float: " + python_repr(v));
  }
  fail("null cannot be cast to float");
}

Value cast_str(const Value& v) {
  if (v.is_null()) fail("null cannot be cast to str");
  if (v.is_bool()) return Value::string(v.as_bool() ? "true" : "false");
  return Value::string(python_str(v));
}

Value cast_bool(const Value& v) {
  if (v.is_string()) {
    const std::string word = lower_ascii(v.as_string());
    if (word != "true" && word != "false") fail("Cannot cast '" + v.as_string() + "' to bool");
    return Value::boolean(word == "true");
  }
  if (v.is_null()) return Value::boolean(false);
  return Value::boolean(as_double(v) != 0);
}

Value cast_deep(const Value& value, const Cast& cast) {
  if (value.is_list()) {
    Value out = Value::list();
    for (const auto& item : value.items()) out.items().push_back(cast_deep(item, cast));
    return out;
  }
  if (value.is_map()) {
    Value out = Value::map();
    for (const auto& [key, item] : value.entries()) out.set(key, cast_deep(item, cast));
    return out;
  }
  return cast(value);
}

Argument cast_argument(FunctionCall& call, const Cast& cast, bool numeric) {
  Argument argument;
  if (!call.named.empty()) {
    if (call.named.size() > 1 || call.named[0].first != "value") fail("got an unexpected keyword argument");
    if (!call.positional.empty()) fail("cannot use both position and named arguments");
    argument = std::move(call.named[0].second);
  } else if (call.positional.empty()) {
    fail("No positional args or value specified");
  } else {
    argument = call.positional.size() == 1 ? std::move(call.positional[0]) : simple_choice(std::move(call.positional));
  }
  Sweep& sweep = argument.sweep;
  if (is_choice(argument)) {
    for (auto& choice : sweep.choices) choice = plain_argument(cast_deep(choice.value, cast)).element;
    return argument;
  }
  if (sweep.kind == SweepKind::kRange || sweep.kind == SweepKind::kInterval) {
    if (!numeric) fail("Range can only be cast to int or float");
    sweep.start = cast(sweep.start);
    sweep.stop = cast(sweep.stop);
    if (sweep.kind == SweepKind::kRange) sweep.step = cast(sweep.step);
    return argument;
  }
  if (is_sweep(argument)) fail("this sweep cannot be cast");
  return plain_argument(cast_deep(argument.element.value, cast));
}

// ---- sweeps ----

Argument make_choice(FunctionCall& call) {
  if (!call.named.empty()) fail("got an unexpected keyword argument '" + call.named[0].first + "'");
  if (call.positional.empty()) fail("empty choice is not legal");
  if (call.positional.size() == 1 && is_choice(call.positional[0])) {
    Argument inner = std::move(call.positional[0]);
    if (inner.sweep.kind != SweepKind::kSimpleChoice) fail("nesting choices is not supported");
    inner.sweep.kind = SweepKind::kChoice;
    return inner;
  }
  for (std::size_t i = 0; i < call.positional.size(); ++i) {
    if (is_sweep(call.positional[i]) && !is_choice(call.positional[i])) {
      fail("mismatch type argument args[" + std::to_string(i) + "]: a sweep cannot be a choice");
    }
    if (!is_sweep(call.positional[i]) && call.positional[i].element.value.is_null()) {
      fail("mismatch type argument args[" + std::to_string(i) + "]: NoneType is incompatible");
    }
  }
  Argument result = simple_choice(std::move(call.positional));
  result.sweep.kind = SweepKind::kChoice;
  return result;
}

Argument make_range(FunctionCall& call) {
  const Bound bound(call, {"start", "stop", "step"});
  Argument result;
  Sweep& sweep = result.sweep;
  sweep.kind = SweepKind::kRange;
  sweep.start = number_argument(bound.need("start"), "start");
  const Argument* stop = bound.find("stop");
  if (stop && !stop->element.value.is_null()) {
    sweep.stop = number_argument(*stop, "stop");
  } else {
    sweep.stop = sweep.start;
    sweep.start = Value::integer(0);
  }
  const Argument* step = bound.find("step");
  sweep.step = step ? number_argument(*step, "step") : Value::integer(1);
  return result;
}

Argument make_interval(FunctionCall& call) {
  const Bound bound(call, {"start", "end"});
  Argument result;
  result.sweep.kind = SweepKind::kInterval;
  result.sweep.start = Value::floating(as_double(number_argument(bound.need("start"), "start")));
  result.sweep.stop = Value::floating(as_double(number_argument(bound.need("end"), "end")));
  return result;
}

std::vector<std::string> patterns(const Argument& argument, const std::string& name) {
  const Value& value = argument.element.value;
  if (is_sweep(argument)) fail("mismatch type argument " + name + ": a sweep is no pattern");
  if (value.is_string()) return {value.as_string()};
  if (!value.is_list()) fail("mismatch type argument " + name + ": expected a string or a list of strings");
  std::vector<std::string> out;
  for (const auto& item : value.items()) out.push_back(python_str(item));
  return out;
}

Argument make_glob(FunctionCall& call) {
  const Bound bound(call, {"include", "exclude"});
  Argument result;
  result.sweep.kind = SweepKind::kGlob;
  result.sweep.include = patterns(bound.need("include"), "include");
  const Argument* exclude = bound.find("exclude");
  if (exclude && !exclude->element.value.is_null()) result.sweep.exclude = patterns(*exclude, "exclude");
  return result;
}

/// Python's `<` on elements; numbers with numbers, strings with strings.
bool less(const Value& a, const Value& b) {
  const bool numbers = (is_number(a) || a.is_bool()) && (is_number(b) || b.is_bool());
  if (numbers) return as_double(a) < as_double(b);
  if (a.is_string() && b.is_string()) return a.as_string() < b.as_string();
  if (a.is_list() && b.is_list()) {
    return std::lexicographical_compare(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(), less);
  }
  fail("'<' not supported between instances of '" + std::string(kind_name(a.kind())) + "' and '" +
       std::string(kind_name(b.kind())) + "'");
}

template <class Item, class Get>
void sort_items(std::vector<Item>& items, bool reverse, const Get& get) {
  std::stable_sort(items.begin(), items.end(),
                   [&](const Item& a, const Item& b) { return reverse ? less(get(b), get(a)) : less(get(a), get(b)); });
}

Argument sorted(FunctionCall& call) {
  bool reverse = false;
  std::vector<Argument> inputs = std::move(call.positional);
  for (auto& [name, value] : call.named) {
    if (name == "reverse") {
      if (is_sweep(value) || !value.element.value.is_bool()) fail("mismatch type argument reverse: expected bool");
      reverse = value.element.value.as_bool();
    } else if (name == "sweep" || name == "list") {
      inputs.push_back(std::move(value));
    } else {
      fail("got an unexpected keyword argument '" + name + "'");
    }
  }
  if (inputs.empty()) fail("empty sort input");
  const auto value_of = [](const Element& e) -> const Value& { return e.value; };
  if (inputs.size() == 1) {
    Argument input = std::move(inputs[0]);
    if (is_choice(input)) {
      sort_items(input.sweep.choices, reverse, value_of);
    } else if (is_sweep(input)) {
      fail("this sweep cannot be sorted");
    } else if (input.element.value.is_list()) {
      Value value = std::move(input.element.value);
      sort_items(value.items(), reverse, [](const Value& v) -> const Value& { return v; });
      return plain_argument(std::move(value));
    }
    return input;
  }
  for (const auto& input : inputs) {
    if (is_sweep(input) || input.element.value.is_container() || input.element.value.is_null()) {
      fail("sort takes one list, one sweep, or several plain values");
    }
  }
  Argument result = simple_choice(std::move(inputs));
  sort_items(result.sweep.choices, reverse, value_of);
  return result;
}

/// Tags mean nothing to the sweeper here; the sweep passes through.
}  // namespace

Argument plain_argument(Value value) {
  Argument result;
  result.element.written = written_form(value);
  result.element.value = std::move(value);
  return result;
}

Argument simple_choice(std::vector<Argument> elements) {
  Argument result;
  result.sweep.kind = SweepKind::kSimpleChoice;
  for (auto& element : elements) {
    if (is_sweep(element)) fail("a sweep cannot be an element of another sweep");
    result.sweep.choices.push_back(std::move(element.element));
  }
  return result;
}

Argument call_function(FunctionCall call) {
  for (auto& argument : call.positional) {
    if (argument.quoted) argument = plain_argument(argument.element.value);  // a function sees the bare string
  }
  for (auto& [name, argument] : call.named) {
    if (argument.quoted) argument = plain_argument(argument.element.value);
  }
  if (call.name == "int") return cast_argument(call, cast_int, true);
  if (call.name == "float") return cast_argument(call, cast_float, true);
  if (call.name == "str") return cast_argument(call, cast_str, false);
  if (call.name == "bool") return cast_argument(call, cast_bool, false);
  if (call.name == "choice") return make_choice(call);
  if (call.name == "range") return make_range(call);
  if (call.name == "interval") return make_interval(call);
  if (call.name == "glob") return make_glob(call);
  if (call.name == "sort") return sorted(call);
  if (call.name == "shuffle") fail("shuffle is not supported: its order could not be repeated");
  fail("Unknown function '" + call.name + "'. Available: bool,choice,float,glob,int,interval,range,sort,str");
}

}  // namespace scalselect::config
