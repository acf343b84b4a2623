// Patterns of tokenizer.json: a literal string or a regular expression (PCRE2 with Unicode classes; known difference to
// the reference's engine: \s holds U+180E).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vlm/tokenizers/aligned_text.h"
#include "vlm/tokenizers/regex.h"

namespace scalselect::vlm::tok {

/// A component that cannot be read: "pre_tokenizer 'Foo' is not supported". The loader adds the file's name.
struct Unsupported {
  std::string what;
};

class Pattern {
 public:
  /// {"String": "x"} or {"Regex": "x"}. Throws Unsupported.
  static Pattern from_json(const nlohmann::json& tree);
  static Pattern regex(const std::string& expression);

  /// Non-empty matches, ascending and disjoint. Throws UserError(kInput) if the expression takes too many steps.
  std::vector<Range> matches(std::string_view text) const;

 private:
  std::string text_;            // the literal, or the expression for messages
  std::optional<Regex> regex_;  // none for literals
};

}  // namespace scalselect::vlm::tok
