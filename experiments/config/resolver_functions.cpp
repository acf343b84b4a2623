// The resolvers of `${name:args}`.
#include <cstdlib>
#include <ctime>
#include <set>

#include "experiments/config/quoting.h"
#include "experiments/config/refuse.h"
#include "experiments/config/resolver.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

const std::string& text_argument(const std::string& name, const Value& value) {
  if (!value.is_string()) {
    refuse("TypeError raised while resolving interpolation: `" + name + "` takes a string, but `" + python_str(value) +
           "` is of type " + kind_name(value.kind()));
  }
  return value.as_string();
}

Value environment(const ResolveContext& context, const std::vector<Value>& args) {
  const std::string& key = text_argument("oc.env", args[0]);
  if (context.keep_environment) {
    return Value::string("${oc.env:" + key + (args.size() > 1 ? "," + escape_special(python_str(args[1])) : "") + "}");
  }
  if (const char* value = std::getenv(key.c_str())) return Value::string(value);
  if (args.size() < 2) {
    refuse("KeyError raised while resolving interpolation: \"Environment variable '" + key + "' not found\"");
  }
  return args[1].is_null() ? Value() : Value::string(python_str(args[1]));
}

/// The time of the first call, kept, so that all jobs of a sweep share it.
Value time_text(const std::string& pattern) {
  static const std::time_t started = std::time(nullptr);
  std::tm local{};
  localtime_r(&started, &local);
  if (pattern.empty()) return Value::string("");
  std::string out(pattern.size() * 16 + 64, '\0');
  out.resize(std::strftime(out.data(), out.size(), pattern.c_str(), &local));
  return Value::string(out);
}

}  // namespace

Found Resolver::dict_view(const std::string& name, const Value& argument, const Chain& chain) {
  const std::string& key = text_argument(name, argument);
  const auto found = select(key, chain, true);
  if (!found) refuse("ConfigKeyError raised while resolving interpolation: Key not found: '" + key + "'");
  if (!found->node->is_map()) {
    refuse("TypeError raised while resolving interpolation: `" + name + "` cannot be applied to objects of type " +
           kind_name(found->node->kind()));
  }
  Value list = Value::list();
  for (const auto& [entry_key, item] : found->node->entries()) {
    if (name == "oc.dict.keys") {
      list.items().push_back(entry_key);
    } else {
      // One level deeper than the reader, so a relative key needs one more dot.
      const std::string path = (key.starts_with(".") ? "." : "") + key + "." + python_str(entry_key);
      list.items().push_back(Value::string("${" + path + "}"));
    }
  }
  return Found::made(std::move(list), name == "oc.dict.keys", chain);
}

Found Resolver::call_resolver(const std::string& name, const std::vector<Value>& args, const Chain& chain,
                              const Value& reader) {
  static const std::set<std::string_view> known = {"oc.env",    "oc.decode",    "oc.select",      "hydra",
                                                   "oc.create", "oc.dict.keys", "oc.dict.values", "now"};
  if (!known.contains(name)) refuse("Unsupported interpolation type " + name);
  const bool has_fallback = name == "oc.env" || name == "oc.select";
  if (args.empty() || args.size() > (has_fallback ? 2 : 1)) {
    refuse("TypeError raised while resolving interpolation: " + name + " takes 1 " + (has_fallback ? "or 2 " : "") +
           "arguments but " + std::to_string(args.size()) + " were given");
  }
  if (name == "oc.env") return Found::made(environment(context_, args), true);
  if (name == "oc.decode") {
    if (args[0].is_null()) return Found::made(Value(), true);
    return Found::made(evaluate_value(parse_single_element(text_argument(name, args[0])), chain, reader), true);
  }
  if (name == "oc.select" || name == "hydra") {
    const std::string prefix = name == "hydra" ? "hydra." : "";
    auto found = select(prefix + text_argument(name, args[0]), chain, false);
    if (found && !found->node->is_missing()) return std::move(*found);
    return Found::made(args.size() > 1 ? args[1] : Value(), true);
  }
  if (name == "oc.create") {
    if (args[0].is_container()) return Found::made(args[0], false, chain);
    if (args[0].is_string()) return Found::made(parse_yaml(args[0].as_string(), "oc.create"), false, chain);
    if (args[0].is_null()) return Found::made(Value::map(), false, chain);
    refuse("ValidationError raised while resolving interpolation: Object of unsupported type: '" +
           kind_name(args[0].kind()) + "'");
  }
  if (name == "oc.dict.keys" || name == "oc.dict.values") return dict_view(name, args[0], chain);
  return Found::made(time_text(text_argument(name, args[0])), true);
}

}  // namespace scalselect::config
