// A template's text as tokens, with Jinja2's whitespace control as transformers sets it (trim_blocks, lstrip_blocks).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vlm/jinja/value.h"

namespace scalselect::vlm::jinja {

struct Token {
  enum class Kind {
    kData,           ///< text between tags
    kBlockBegin,     ///< {%
    kBlockEnd,       ///< %}
    kVariableBegin,  ///< {{
    kVariableEnd,    ///< }}
    kName,
    kString,    ///< `value` holds it
    kNumber,    ///< `value` holds it
    kOperator,  ///< `text`: "+", "==", "(" and so on
    kEnd,
  };
  Kind kind = Kind::kEnd;
  std::string text;
  Value value;
  int line = 1;
};

/// The last token is kEnd. Throws Error, with the line.
std::vector<Token> tokenize(std::string_view source);

/// "on line 3: …".
[[noreturn]] void fail_on_line(int line, const std::string& problem);

}  // namespace scalselect::vlm::jinja
