#define PCRE2_CODE_UNIT_WIDTH 8
#include "vlm/tokenizers/pattern.h"

#include <pcre2.h>

namespace scalselect::vlm::tok {

struct Pattern::Code {
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }
};

Pattern Pattern::regex(const std::string& expression) {
  int error = 0;
  PCRE2_SIZE where = 0;
  auto code = std::make_shared<Code>();
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &where, nullptr);
  if (!code->code) throw Unsupported{"the regular expression '" + expression + "' cannot be compiled"};
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);  // where there is no JIT, the interpreter serves
  Pattern pattern;
  pattern.code_ = std::move(code);
  return pattern;
}

Pattern Pattern::from_json(const nlohmann::json& tree) {
  if (tree.is_object() && tree.contains("Regex") && tree["Regex"].is_string()) {
    return regex(tree["Regex"].get<std::string>());
  }
  Pattern pattern;
  if (tree.is_object() && tree.contains("String") && tree["String"].is_string()) {
    pattern.literal_ = tree["String"].get<std::string>();
  } else if (tree.is_string()) {
    pattern.literal_ = tree.get<std::string>();
  } else {
    throw Unsupported{"the pattern " + tree.dump() + " is neither a String nor a Regex"};
  }
  return pattern;
}

std::vector<Range> Pattern::matches(std::string_view text) const {
  std::vector<Range> found;
  if (!code_) {
    for (std::size_t at = text.find(literal_); !literal_.empty() && at != text.npos;
         at = text.find(literal_, at + literal_.size())) {
      found.emplace_back(at, at + literal_.size());
    }
    return found;
  }
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), pcre2_match_data_free);
  for (std::size_t at = 0; at <= text.size();) {
    const int count = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                  PCRE2_NO_UTF_CHECK, data.get(), nullptr);
    if (count < 0) break;
    const auto* span = pcre2_get_ovector_pointer(data.get());
    if (span[1] > span[0]) {
      found.emplace_back(span[0], span[1]);
      at = span[1];
    } else if (span[1] < text.size()) {
      at = span[1];
      next_character(text, at);
    } else {
      break;
    }
  }
  return found;
}

}  // namespace scalselect::vlm::tok
