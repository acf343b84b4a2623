// Regular expressions over module names, in the dialect that Python's `re` and PCRE share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace scalselect::vlm {

class Pattern {
 public:
  /// Throws UserError(kUsage), with PCRE's words and the place, if `expression` is malformed.
  explicit Pattern(const std::string& expression);

  /// Whether it matches `text` from its first to its last byte (Python's re.fullmatch). Throws UserError(kUsage) if
  /// that takes too many steps.
  bool matches_all(std::string_view text) const;

 private:
  std::shared_ptr<const void> code_;
};

}  // namespace scalselect::vlm
