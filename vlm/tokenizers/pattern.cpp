#define PCRE2_CODE_UNIT_WIDTH 8
#include "vlm/tokenizers/pattern.h"

#include <fmt/format.h>
#include <pcre2.h>

#include "core/error.h"

namespace scalselect::vlm::tok {

struct Pattern::Code {
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }
};

namespace {

[[noreturn]] void give_up(const std::string& expression, std::size_t bytes, int error) {
  PCRE2_UCHAR words[256];
  pcre2_get_error_message(error, words, sizeof words);
  throw UserError(ErrorKind::kInput,
                  fmt::format("The tokenizer's regular expression '{}' fails on a text of {} bytes: {}.", expression,
                              bytes, reinterpret_cast<const char*>(words)),
                  "Shorten the text, or use a tokenizer whose expression does not backtrack.");
}

}  // namespace

Pattern Pattern::regex(const std::string& expression) {
  int error = 0;
  PCRE2_SIZE where = 0;
  auto code = std::make_shared<Code>();
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &where, nullptr);
  if (!code->code) throw Unsupported{"the regular expression '" + expression + "' cannot be compiled"};
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);  // where there is no JIT, the interpreter serves
  Pattern pattern;
  pattern.text_ = expression;
  pattern.code_ = std::move(code);
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
  if (!code_) {
    for (std::size_t at = text.find(text_); !text_.empty() && at != text.npos;
         at = text.find(text_, at + text_.size())) {
      found.emplace_back(at, at + text_.size());
    }
    return found;
  }
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), pcre2_match_data_free);
  for (std::size_t at = 0; at <= text.size();) {
    const auto match = [&](std::uint32_t options) {
      return pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                         PCRE2_NO_UTF_CHECK | options, data.get(), nullptr);
    };
    int count = match(0);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) count = match(PCRE2_NO_JIT);
    if (count == PCRE2_ERROR_NOMATCH) break;
    if (count < 0) give_up(text_, text.size(), count);
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
