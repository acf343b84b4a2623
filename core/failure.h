// What is said of an exception, whoever caught it: the program as a whole, one run of a sweep, or a worker process.
#pragma once

#include <exception>
#include <string>

namespace scalselect {

/// One line that says what went wrong and what to do: the sentence of a UserError as it is; memory and file system in
/// plain words; anything else is named as a fault of the program. Always UTF-8, as records and workers' reports need
/// it.
std::string failure_sentence(const std::exception& error);

}  // namespace scalselect
