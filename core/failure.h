// How an exception is reported, wherever it was caught: by the program as a whole, a run of a sweep, or a worker.
#pragma once

#include <exception>
#include <string>

namespace scalselect {

/// One line that says what went wrong and what to do: the sentence of a UserError as it is; errors of memory and file
/// system in plain words; anything else is called a fault of the program. Always UTF-8, as the store and the workers'
/// protocol require.
std::string failure_sentence(const std::exception& error);

}  // namespace scalselect
