#include "vlm/tokenizers/pattern.h"

#include <fmt/format.h>

#include "core/error.h"

namespace scalselect::vlm::tok {

Pattern Pattern::regex(const std::string& expression) {
  Pattern pattern;
  pattern.text_ = expression;
  try {
    pattern.regex_.emplace(expression, Regex::Mode::kUnicode);
  } catch (const Regex::Error&) {
    throw Unsupported{"the regular expression '" + expression + "' cannot be compiled"};
  }
  return pattern;
}

Pattern Pattern::from_json(const nlohmann::json& tree) {
  if (tree.is_object() && tree.contains("Regex") && tree["Regex"].is_string()) {
    return regex(tree["Regex"].get<std::string>());
  }
  Pattern pattern;
  if (tree.is_object() && tree.contains("String") && tree["String"].is_string()) {
    pattern.text_ = tree["String"].get<std::string>();
  } else if (tree.is_string()) {
    pattern.text_ = tree.get<std::string>();
  } else {
    throw Unsupported{"the pattern " + tree.dump() + " is neither a String nor a Regex"};
  }
  return pattern;
}

std::vector<Range> Pattern::matches(std::string_view text) const {
  std::vector<Range> found;
  if (!regex_) {
    for (std::size_t at = text.find(text_); !text_.empty() && at != text.npos;
         at = text.find(text_, at + text_.size())) {
      found.emplace_back(at, at + text_.size());
    }
    return found;
  }
  try {
    for (std::size_t at = 0; at <= text.size();) {
      const auto span = regex_->find(text, at);
      if (!span) break;
      at = span->second;
      if (span->second > span->first) found.emplace_back(span->first, span->second);
      else if (at < text.size()) next_character(text, at);
      else break;
    }
  } catch (const Regex::Error& error) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("The tokenizer's regular expression '{}' fails on a text of {} bytes: {}.", text_,
                                text.size(), error.what),
                    "Shorten the text, or use a tokenizer whose expression does not backtrack.");
  }
  return found;
}

}  // namespace scalselect::vlm::tok
