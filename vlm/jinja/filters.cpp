#include "vlm/jinja/filter_call.h"

namespace scalselect::vlm::jinja {
namespace {

Value default_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"default_value", "boolean"});
  const bool use = call.operand.is_undefined() || (args.flag("boolean") && !truth(call.operand));
  if (!use) return call.operand;
  return args.find("default_value") == nullptr ? Value("") : *args.find("default_value");
}

Value same_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  return call.operand.is_undefined() || !call.operand.is_string() ? Value(call.text()) : call.operand;
}

Value attr_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"name"});
  return call.operand.is(Value::Type::kDict) &&
                 !container_method(call.operand, args.text("name"), call.budget).is(Value::Type::kCallable)
             ? Value::undefined("'dict object' has no attribute '" + args.text("name") + "'")
             : attribute(call.operand, args.text("name"), call.budget);
}

const FilterTable& filters() {
  static const FilterTable all = [] {
    FilterTable table = {
        {"safe", same_filter},
        {"default", default_filter},
        {"d", default_filter},
        {"attr", attr_filter},
    };
    for (const auto* more : {&text_filters(), &number_filters(), &list_filters()})
      table.insert(more->begin(), more->end());
    return table;
  }();
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
