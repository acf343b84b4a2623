// Lists that Python wrote into a cell of a table (answers, image names).
#pragma once

#include <string>
#include <vector>

namespace scalselect::eval {

/// "['a', 'b\xa0']" and "('a', 10)" -> their items; a text that is not in brackets -> {text}. String literals with
/// every escape but \N{..}, numbers, True, False and None (as their own texts) are items; nothing is executed. Throws
/// std::invalid_argument with a short reason for "[..]" that is not such a list.
std::vector<std::string> list_or_text(const std::string& cell);

}  // namespace scalselect::eval
