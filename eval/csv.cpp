#include "eval/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/error.h"
#include "eval/text_files.h"

namespace scalselect::eval {
namespace {

// The cells of one row, cut off from the front of `text`; counts the lines that it takes.
std::vector<std::string> take_row(std::string_view& text, std::size_t& line, const std::filesystem::path& file) {
  std::vector<std::string> cells(1);
  const std::size_t first_line = line;
  bool quoted = false, fresh = true;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') {
        cells.back() += c;
      } else if (text.starts_with('"')) {
        cells.back() += c;
        text.remove_prefix(1);
      } else {
        quoted = false;
      }
      continue;
    }
    if (c == '\n') return cells;
    if (c == '\r' && (text.empty() || text.front() == '\n')) continue;
    if (c == ',') {
      cells.emplace_back();
      fresh = true;
    } else if (c == '"' && fresh) {
      quoted = true;
      fresh = false;
    } else {
      cells.back() += c;
      fresh = false;
    }
  }
  if (quoted) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("{}: a quote in the row of line {} never closes", file.string(), first_line),
                    "The file may be cut short.");
  }
  return cells;
}

}  // namespace

void for_each_csv_row(const std::filesystem::path& file, const CsvVisitor& visit) {
  const std::string bytes = read_text(file);
  std::string_view text = bytes;
  std::size_t line = 1;
  std::vector<std::string> columns;
  while (!text.empty()) {
    const std::size_t first_line = line;
    auto cells = take_row(text, line, file);
    if (cells.size() == 1 && cells[0].empty()) continue;
    if (columns.empty()) {
      columns = std::move(cells);
      continue;
    }
    if (cells.size() > columns.size()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{}: line {} has {} cells where the header has {}", file.string(), first_line,
                                  cells.size(), columns.size()),
                      "Cells that hold commas must stand in double quotes.");
    }
    cells.resize(columns.size());
    visit(columns, cells, first_line);
  }
  if (columns.empty()) {
    throw UserError(ErrorKind::kInput, file.string() + ": the table is empty",
                    "A header with column names is expected.");
  }
}

}  // namespace scalselect::eval
