// Jinja2's tests: "x is defined".
#include <map>

#include "vlm/jinja/operations.h"
#include "vlm/jinja/text.h"

namespace scalselect::vlm::jinja {
namespace {

using Type = Value::Type;

struct Call {
  const std::string& name;
  const Value& value;
  const Arguments& given;
  Budget& budget;

  const Value& other() const { return Parameters(name, given, {"other"}).require("other"); }
};
using Test = bool (*)(const Call&);

template <class... Types>
bool is_one_of(const Value& value, Types... types) {
  return (value.is(types) || ...);
}

bool has_items(const Value& value) {
  return is_one_of(value, Type::kUndefined, Type::kString, Type::kDict) ||
         (value.is(Type::kSequence) && value.sequence().kind != Sequence::Kind::kGenerator &&
          value.sequence().kind != Sequence::Kind::kView);
}

std::int64_t rest(const Call& call, std::int64_t by) {
  auto left = arithmetic("%", call.value, by, call.budget);
  return left.is_integer()                        ? left.integer()
         : left.is_number() && left.number() == 1 ? 1
         : left.is_number() && left.number() == 0 ? 0
                                                  : 2;
}

bool is_ordered(const Call& call, bool less, bool same) {
  const auto order = compare(call.value, call.other());
  return order < 0 ? less : order > 0 ? !less : same;
}

bool is_equal(const Call& call) { return equal(call.value, call.other(), call.budget); }

const std::map<std::string_view, Test>& tests() {
  static const std::map<std::string_view, Test> all = {
      {"defined", [](const Call& c) { return !c.value.is_undefined(); }},
      {"undefined", [](const Call& c) { return c.value.is_undefined(); }},
      {"none", [](const Call& c) { return c.value.is_none(); }},
      {"string", [](const Call& c) { return c.value.is_string(); }},
      {"mapping", [](const Call& c) { return c.value.is(Type::kDict); }},
      {"iterable",
       [](const Call& c) { return is_one_of(c.value, Type::kUndefined, Type::kString, Type::kDict, Type::kSequence); }},
      {"sequence", [](const Call& c) { return has_items(c.value); }},
      {"boolean", [](const Call& c) { return c.value.is(Type::kBool); }},
      {"number", [](const Call& c) { return c.value.is_number(); }},
      {"integer", [](const Call& c) { return c.value.is(Type::kInt); }},
      {"float", [](const Call& c) { return c.value.is(Type::kFloat); }},
      {"true", [](const Call& c) { return c.value.is(Type::kBool) && truth(c.value); }},
      {"false", [](const Call& c) { return c.value.is(Type::kBool) && !truth(c.value); }},
      {"callable", [](const Call& c) { return c.value.is(Type::kCallable); }},
      {"escaped", [](const Call&) { return false; }},
      {"sameas", [](const Call& c) { return c.value.same_object(c.other()); }},
      {"in", [](const Call& c) { return contains(c.other(), c.value, c.budget); }},
      {"odd", [](const Call& c) { return rest(c, 2) == 1; }},
      {"even", [](const Call& c) { return rest(c, 2) == 0; }},
      {"divisibleby", [](const Call& c) { return rest(c, require_integer(c.other())) == 0; }},
      {"lower", [](const Call& c) { return is_lower(to_text(c.value, c.budget)); }},
      {"upper", [](const Call& c) { return is_upper(to_text(c.value, c.budget)); }},
      {"filter", [](const Call& c) { return c.value.is_string() && is_filter(c.value.string()); }},
      {"test", [](const Call& c) { return c.value.is_string() && is_test(c.value.string()); }},
      {"eq", is_equal},
      {"equalto", is_equal},
      {"==", is_equal},
      {"ne", [](const Call& c) { return !is_equal(c); }},
      {"!=", [](const Call& c) { return !is_equal(c); }},
      {"lt", [](const Call& c) { return is_ordered(c, true, false); }},
      {"lessthan", [](const Call& c) { return is_ordered(c, true, false); }},
      {"<", [](const Call& c) { return is_ordered(c, true, false); }},
      {"le", [](const Call& c) { return is_ordered(c, true, true); }},
      {"<=", [](const Call& c) { return is_ordered(c, true, true); }},
      {"gt", [](const Call& c) { return is_ordered(c, false, false); }},
      {"greaterthan", [](const Call& c) { return is_ordered(c, false, false); }},
      {">", [](const Call& c) { return is_ordered(c, false, false); }},
      {"ge", [](const Call& c) { return is_ordered(c, false, true); }},
      {">=", [](const Call& c) { return is_ordered(c, false, true); }},
  };
  return all;
}

}  // namespace

bool is_test(const std::string& name) { return tests().contains(name); }

bool apply_test(const std::string& name, const Value& operand, const Arguments& arguments, Budget& budget) {
  const auto found = tests().find(name);
  if (found == tests().end()) throw Error("there is no test named '" + name + "'");
  budget.spend(1);
  return found->second({name, operand, arguments, budget});
}

}  // namespace scalselect::vlm::jinja
