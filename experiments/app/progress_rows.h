// What reading a large table looks like to a person who waits for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/matrix.h"

namespace scalselect::app {

/// The rows of `source`, read in order, once or several times; `rows` of them each time. While they are read their
/// number, rate and the time left are shown as `label` (core/log.h), from the third second on; later times as "LABEL,
/// pass 2".
std::shared_ptr<const RowSource> with_progress(std::shared_ptr<const RowSource> source, std::string label,
                                               std::int64_t rows);

}  // namespace scalselect::app
