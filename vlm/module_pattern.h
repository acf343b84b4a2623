// Regular expressions over module names, in the dialect that Python's `re` and PCRE share.
#pragma once

#include <string>
#include <string_view>

#include "vlm/tokenizers/regex.h"

namespace scalselect::vlm {

class ModulePattern {
 public:
  /// Throws UserError(kUsage), with PCRE's reason and the position, if `expression` is malformed.
  explicit ModulePattern(const std::string& expression);

  /// Whether it matches `name` from its first to its last byte (Python's re.fullmatch). Throws UserError(kUsage) if
  /// that takes too many steps.
  bool matches_all(std::string_view name) const;

 private:
  tok::Regex regex_;
};

}  // namespace scalselect::vlm
