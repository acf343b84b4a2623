// What the files of filters share; operations.h is their door.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vlm/jinja/operations.h"

namespace scalselect::vlm::jinja {

struct FilterCall {
  const std::string& name;
  const Value& operand;
  const Arguments& given;
  Budget& budget;

  std::string text() const { return to_text(operand, budget); }
  std::vector<Value> items() const { return iterate(operand, budget); }
};
using FilterTable = std::map<std::string_view, Value (*)(const FilterCall&)>;

const FilterTable& text_filters();
const FilterTable& number_filters();
const FilterTable& list_filters();

}  // namespace scalselect::vlm::jinja
