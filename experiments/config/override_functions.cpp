#include "experiments/config/override_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/config/python_text.h"
#include "experiments/config/refuse.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

[[noreturn]] void wrong_type(const std::string& name, const Argument& argument, const std::string& expected) {
  refuse(fmt::format("the argument {} must be {}, not {}", name, expected,
                     argument.is_sweep() ? "a sweep" : kind_name(argument.value.kind())));
}

/// The positional arguments; for functions that know `name`, also one given by that name.
std::vector<Argument> list_arguments(FunctionCall& call, const std::string& name = {}) {
  for (auto& [given, argument] : call.named) {
    if (given != name) refuse("got an unexpected keyword argument '" + given + "'");
    if (!call.positional.empty()) refuse("cannot use both position and named arguments");
    call.positional.push_back(std::move(argument));
  }
  return std::move(call.positional);
}

/// Arguments by parameter name, as Python binds them.
class Bound {
 public:
  Bound(FunctionCall& call, const std::vector<std::string>& names) {
    if (call.positional.size() > names.size()) refuse("too many positional arguments");
    for (std::size_t i = 0; i < call.positional.size(); ++i) values_[names[i]] = std::move(call.positional[i]);
    for (auto& [name, value] : call.named) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        refuse("got an unexpected keyword argument '" + name + "'");
      }
      if (!values_.emplace(name, std::move(value)).second) refuse("multiple values for argument '" + name + "'");
    }
    if (!has(names[0])) refuse("missing a required argument: '" + names[0] + "'");
  }

  bool has(const std::string& name) const { return values_.contains(name); }
  /// Whether the argument is there and not `null`.
  bool given(const std::string& name) const {
    const auto found = values_.find(name);
    return found != values_.end() && (found->second.is_sweep() || !found->second.value.is_null());
  }

  Value number(const std::string& name) const {
    const Argument& argument = values_.at(name);
    if (argument.is_sweep() || !argument.value.is_number()) wrong_type(name, argument, "a number");
    return argument.value;
  }

  std::vector<std::string> patterns(const std::string& name) const {
    const Argument& argument = values_.at(name);
    if (!argument.is_sweep() && argument.value.is_string()) return {argument.value.as_string()};
    if (argument.is_sweep() || !argument.value.is_list()) wrong_type(name, argument, "a string or a list of strings");
    std::vector<std::string> out;
    for (const auto& item : argument.value.items()) out.push_back(python_str(item));
    return out;
  }

 private:
  std::map<std::string, Argument> values_;
};

// ---- casts ----

using Cast = Value (*)(const Value& scalar);

Value cast_int(const Value& v) {
  if (v.is_int()) return v;
  if (v.is_bool()) return Value::integer(v.as_bool());
  if (v.is_float()) {
    if (!std::isfinite(v.as_float())) refuse("cannot convert float " + float_repr(v.as_float()) + " to integer");
    return Value::integer(fmt::format("{:.0f}", std::trunc(v.as_float()) + 0.0));
  }
  if (v.is_null()) refuse("null cannot be cast to int");
  const auto digits = parse_python_int(v.as_string());
  if (!digits) refuse("invalid literal for int() with base 10: " + python_repr(v));
  return Value::integer(*digits);
}

Value cast_float(const Value& v) {
  if (v.is_null()) refuse("null cannot be cast to float");
  if (!v.is_string()) return Value::floating(v.as_number());
  const auto number = parse_python_float(v.as_string());
  if (!number) refuse("could not convert string to float: " + python_repr(v));
  return Value::floating(*number);
}

Value cast_str(const Value& v) {
  if (v.is_null()) refuse("null cannot be cast to str");
  if (v.is_bool()) return Value::string(v.as_bool() ? "true" : "false");
  return Value::string(python_str(v));
}

Value cast_bool(const Value& v) {
  if (v.is_null()) return Value::boolean(false);
  if (!v.is_string()) return Value::boolean(v.as_number() != 0);
  const std::string word = lower_ascii(v.as_string());
  if (word != "true" && word != "false") refuse("Cannot cast '" + v.as_string() + "' to bool");
  return Value::boolean(word == "true");
}

Value cast_deep(Value value, Cast cast) {
  if (value.is_list()) {
    for (auto& item : value.items()) item = cast_deep(std::move(item), cast);
  } else if (value.is_map()) {
    for (auto& [key, item] : value.entries()) item = cast_deep(std::move(item), cast);
  } else {
    value = cast(value);
  }
  return value;
}

Argument cast_argument(FunctionCall& call, Cast cast) {
  auto arguments = list_arguments(call, "value");
  if (arguments.empty()) refuse("No positional args or value specified");
  Argument result = arguments.size() == 1 ? std::move(arguments[0]) : simple_choice(std::move(arguments));
  Sweep& sweep = result.sweep;
  if (result.is_choice()) {
    for (auto& choice : sweep.choices) choice = cast_deep(std::move(choice), cast);
  } else if (sweep.kind == SweepKind::kRange) {
    if (cast != cast_int && cast != cast_float) refuse("Range can only be cast to int or float");
    for (Value* bound : {&sweep.start, &sweep.stop, &sweep.step}) *bound = cast(*bound);
  } else if (result.is_sweep()) {
    refuse("this sweep cannot be cast");
  } else {
    result.value = cast_deep(std::move(result.value), cast);
  }
  return result;
}

// ---- sweeps ----

Argument make_choice(FunctionCall& call) {
  auto arguments = list_arguments(call);
  if (arguments.empty()) refuse("empty choice is not legal");
  Argument result;
  if (arguments.size() == 1 && arguments[0].is_choice()) {
    result = std::move(arguments[0]);
    if (result.sweep.kind == SweepKind::kChoice) refuse("nesting choices is not supported");
  } else {
    for (const auto& argument : arguments) {
      if (!argument.is_sweep() && argument.value.is_null()) wrong_type("of a choice", argument, "a value");
    }
    result = simple_choice(std::move(arguments));
  }
  result.sweep.kind = SweepKind::kChoice;
  return result;
}

Argument make_range(FunctionCall& call) {
  const Bound bound(call, {"start", "stop", "step"});
  Argument result;
  Sweep& sweep = result.sweep;
  sweep.kind = SweepKind::kRange;
  sweep.start = Value::integer(0);
  sweep.stop = bound.number("start");
  if (bound.given("stop")) {
    sweep.start = std::move(sweep.stop);
    sweep.stop = bound.number("stop");
  }
  sweep.step = bound.has("step") ? bound.number("step") : Value::integer(1);
  return result;
}

/// Only optimisers of Hydra's plugins draw from an interval: the jobs of a sweep refuse it.
Argument make_interval(FunctionCall& call) {
  const Bound bound(call, {"start", "end"});
  if (!bound.has("end")) refuse("missing a required argument: 'end'");
  bound.number("start");
  bound.number("end");
  Argument result;
  result.sweep.kind = SweepKind::kInterval;
  return result;
}

Argument make_glob(FunctionCall& call) {
  const Bound bound(call, {"include", "exclude"});
  Argument result;
  result.sweep.kind = SweepKind::kGlob;
  result.sweep.include = bound.patterns("include");
  if (bound.given("exclude")) result.sweep.exclude = bound.patterns("exclude");
  return result;
}

/// Python's `<` on elements; numbers with numbers, strings with strings.
bool less(const Value& a, const Value& b) {
  const auto counts = [](const Value& v) { return v.is_number() || v.is_bool(); };
  if (counts(a) && counts(b)) return a.as_number() < b.as_number();
  if (a.is_string() && b.is_string()) return a.as_string() < b.as_string();
  if (a.is_list() && b.is_list()) {
    return std::lexicographical_compare(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(), less);
  }
  refuse("'<' not supported between instances of '" + kind_name(a.kind()) + "' and '" + kind_name(b.kind()) + "'");
}

Argument sorted(FunctionCall& call) {
  bool reverse = false;
  std::erase_if(call.named, [&](const auto& named) {
    const auto& [name, argument] = named;
    if (name != "reverse") return false;
    if (argument.is_sweep() || !argument.value.is_bool()) wrong_type(name, argument, "true or false");
    reverse = argument.value.as_bool();
    return true;
  });
  const bool by_name = !call.named.empty() && call.named[0].first == "sweep";
  auto arguments = list_arguments(call, by_name ? "sweep" : "list");
  if (arguments.empty()) refuse("empty sort input");
  Argument result = arguments.size() == 1 ? std::move(arguments[0]) : simple_choice(std::move(arguments));
  if (result.is_sweep() && !result.is_choice()) refuse("this sweep cannot be sorted");
  if (!result.is_choice() && !result.value.is_list()) return result;
  auto& items = result.is_choice() ? result.sweep.choices : result.value.items();
  std::stable_sort(items.begin(), items.end(),
                   [&](const Value& a, const Value& b) { return reverse ? less(b, a) : less(a, b); });
  return result;
}

}  // namespace

Argument simple_choice(std::vector<Argument> elements) {
  Argument result;
  result.sweep.kind = SweepKind::kSimpleChoice;
  for (auto& element : elements) {
    if (element.is_sweep()) refuse("a sweep cannot be an element of another sweep");
    result.sweep.choices.push_back(std::move(element.value));
  }
  return result;
}

Argument call_function(FunctionCall call) {
  // A function sees the bare string.
  for (auto& argument : call.positional) argument.value.set_quote(0);
  for (auto& [name, argument] : call.named) argument.value.set_quote(0);
  if (call.name == "int") return cast_argument(call, cast_int);
  if (call.name == "float") return cast_argument(call, cast_float);
  if (call.name == "str") return cast_argument(call, cast_str);
  if (call.name == "bool") return cast_argument(call, cast_bool);
  if (call.name == "choice") return make_choice(call);
  if (call.name == "range") return make_range(call);
  if (call.name == "interval") return make_interval(call);
  if (call.name == "glob") return make_glob(call);
  if (call.name == "sort") return sorted(call);
  if (call.name == "shuffle") refuse("shuffle is not supported: its order could not be repeated");
  refuse("Unknown function '" + call.name + "'. Available: bool,choice,float,glob,int,interval,range,sort,str");
}

}  // namespace scalselect::config
