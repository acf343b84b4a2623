#include "core/check.h"

#include <string>

namespace scalselect {

void check_failed(const char* condition, const char* file, int line) {
  throw InternalError(std::string(condition) + " does not hold (" + file + ":" + std::to_string(line) + ")");
}

}  // namespace scalselect
