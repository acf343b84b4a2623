// Regular expressions: PCRE2, compiled once.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace scalselect::vlm::tok {

/// Copies share the compiled expression.
class Regex {
 public:
  enum class Mode {
    kWholeText,  ///< matches a text from its first to its last byte, or not at all
    kUnicode,    ///< over well-formed UTF-8, with Unicode classes
  };
  /// PCRE2's reason; `at`: the byte of the expression at which compiling failed.
  struct Error {
    std::string what;
    std::size_t at = 0;
  };

  /// Throws Error.
  Regex(const std::string& expression, Mode mode);
  /// The first match at or after byte `from`: its begin and end. Throws Error if that takes too many steps.
  std::optional<std::pair<std::size_t, std::size_t>> find(std::string_view text, std::size_t from = 0) const;

 private:
  std::shared_ptr<const void> code_;
  bool unicode_;
};

}  // namespace scalselect::vlm::tok
