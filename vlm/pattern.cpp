#define PCRE2_CODE_UNIT_WIDTH 8
#include "vlm/pattern.h"

#include <pcre2.h>

#include "core/error.h"

namespace scalselect::vlm {
namespace {

const pcre2_code* as_code(const std::shared_ptr<const void>& code) {
  return static_cast<const pcre2_code*>(code.get());
}

}  // namespace

Pattern::Pattern(const std::string& expression) {
  int error = 0;
  PCRE2_SIZE where = 0;
  auto* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                             PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &where, nullptr);
  if (code == nullptr) {
    PCRE2_UCHAR words[256];
    pcre2_get_error_message(error, words, sizeof words);
    throw UserError(ErrorKind::kUsage,
                    "'" + expression + "' is not a regular expression (character " + std::to_string(where) + ": " +
                        reinterpret_cast<const char*>(words) + ")",
                    "Mend it, or give a list of names.");
  }
  code_ = std::shared_ptr<const void>(
      code, [](const void* p) { pcre2_code_free(const_cast<pcre2_code*>(static_cast<const pcre2_code*>(p))); });
}

bool Pattern::matches_all(std::string_view text) const {
  const auto* code = as_code(code_);
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code, nullptr), &pcre2_match_data_free);
  const int found =
      pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, match.get(), nullptr);
  if (found < PCRE2_ERROR_NOMATCH) {
    throw UserError(ErrorKind::kUsage, "a regular expression gives up on '" + std::string(text) + "': too many steps",
                    "Write it without nested repetitions, or give a list of names.");
  }
  return found >= 0;
}

}  // namespace scalselect::vlm
