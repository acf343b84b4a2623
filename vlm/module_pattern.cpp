#include "vlm/module_pattern.h"

#include "core/error.h"

namespace scalselect::vlm {
namespace {

tok::Regex compile(const std::string& expression) {
  try {
    return tok::Regex(expression, tok::Regex::Mode::kWholeText);
  } catch (const tok::Regex::Error& error) {
    throw UserError(ErrorKind::kUsage,
                    "'" + expression + "' is not a regular expression (character " + std::to_string(error.at) + ": " +
                        error.what + ")",
                    "Correct it, or give a list of names.");
  }
}

}  // namespace

ModulePattern::ModulePattern(const std::string& expression) : regex_(compile(expression)) {}

bool ModulePattern::matches_all(std::string_view name) const {
  try {
    return regex_.find(name).has_value();
  } catch (const tok::Regex::Error&) {
    throw UserError(ErrorKind::kUsage, "a regular expression gives up on '" + std::string(name) + "': too many steps",
                    "Write it without nested repetitions, or give a list of names.");
  }
}

}  // namespace scalselect::vlm
