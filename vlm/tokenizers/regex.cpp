#define PCRE2_CODE_UNIT_WIDTH 8
#include "vlm/tokenizers/regex.h"

#include <pcre2.h>

#include <array>

namespace scalselect::vlm::tok {
namespace {

[[noreturn]] void fail(int error, std::size_t at = 0) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  throw Regex::Error{reinterpret_cast<const char*>(text.data()), at};
}

}  // namespace

Regex::Regex(const std::string& expression, Mode mode) : unicode_(mode == Mode::kUnicode) {
  int error = 0;
  PCRE2_SIZE at = 0;
  auto* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                    unicode_ ? PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C : PCRE2_ANCHORED | PCRE2_ENDANCHORED,
                    &error, &at, nullptr);
  if (code == nullptr) fail(error, at);
  if (unicode_) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without JIT the interpreter is used
  code_ = std::shared_ptr<pcre2_code>(code, pcre2_code_free);
}

std::optional<std::pair<std::size_t, std::size_t>> Regex::find(std::string_view text, std::size_t from) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create_from_pattern(code, nullptr), &pcre2_match_data_free);
  const auto match = [&](std::uint32_t options) {
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, options, data.get(),
                       nullptr);
  };
  const std::uint32_t checked = unicode_ ? PCRE2_NO_UTF_CHECK : 0;
  int count = match(checked);
  if (count == PCRE2_ERROR_JIT_STACKLIMIT) count = match(checked | PCRE2_NO_JIT);
  if (count == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (count < 0) fail(count);
  const auto* span = pcre2_get_ovector_pointer(data.get());
  return std::pair(span[0], span[1]);
}

}  // namespace scalselect::vlm::tok
