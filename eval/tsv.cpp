#include "eval/tsv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "eval/text_files.h"

namespace scalselect::eval {
namespace {

// One pass over the text, field by field.
class Reader {
 public:
  Reader(std::string_view text, const std::filesystem::path& file) : text_(text), file_(file) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  // False at the end of the file. Blank lines are skipped.
  bool next_row(std::vector<std::string>& fields, std::size_t& line) {
    while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) end_line();
    fields.clear();
    line = line_;
    if (at_ >= text_.size()) return false;
    for (;;) {
      fields.push_back(next_field());
      if (at_ >= text_.size()) return true;
      if (text_[at_] == '\t') {
        ++at_;
      } else {
        end_line();
        return true;
      }
    }
  }

 private:
  std::string next_field() {
    std::string field;
    if (at_ < text_.size() && text_[at_] == '"') read_quoted(field);
    const std::size_t end = std::min(text_.find_first_of("\t\n\r", at_), text_.size());
    field += text_.substr(at_, end - at_);
    at_ = end;
    return field;
  }

  void read_quoted(std::string& field) {
    const std::size_t opened = line_;
    ++at_;
    for (;;) {
      const std::size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) {
        throw UserError(ErrorKind::kInput,
                        fmt::format("{}: the quoted field that opens on line {} never closes", file_.string(), opened),
                        "The file is probably cut short; fetch it again.");
      }
      const std::string_view piece = text_.substr(at_, quote - at_);
      line_ += static_cast<std::size_t>(std::count(piece.begin(), piece.end(), '\n'));
      field += piece;
      at_ = quote + 1;
      if (at_ >= text_.size() || text_[at_] != '"') return;
      field += '"';
      ++at_;
    }
  }

  void end_line() {
    at_ += text_.substr(at_).starts_with("\r\n") ? 2 : 1;
    ++line_;
  }

  std::string_view text_;
  const std::filesystem::path& file_;
  std::size_t at_ = 0, line_ = 1;
};

}  // namespace

bool is_missing_text(std::string_view cell) {
  static constexpr std::array<std::string_view, 19> kMissing = {
      "",     "#N/A", "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
      "<NA>", "N/A",  "NA",       "NULL", "NaN",     "None",     "n/a",  "nan",  "null"};
  return std::find(kMissing.begin(), kMissing.end(), cell) != kMissing.end();
}

TsvTable TsvTable::read(const std::filesystem::path& file) { return parse(read_text(file), file); }

TsvTable TsvTable::parse(std::string_view text, const std::filesystem::path& file) {
  TsvTable table;
  table.file_ = file;
  Reader reader(text, file);
  std::size_t line = 0;
  if (!reader.next_row(table.columns_, line)) {
    throw UserError(ErrorKind::kInput, fmt::format("{}: the table is empty", file.string()),
                    "A header line with tab-separated column names is expected.");
  }
  for (auto name = table.columns_.begin(); name != table.columns_.end(); ++name) {
    if (std::find(table.columns_.begin(), name, *name) != name) {
      throw UserError(ErrorKind::kInput, fmt::format("{}: column '{}' occurs twice", file.string(), *name));
    }
  }
  std::vector<std::string> fields;
  while (reader.next_row(fields, line)) {
    if (fields.size() > table.columns_.size()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{}: line {} has {} fields where the header has {}", file.string(), line,
                                  fields.size(), table.columns_.size()),
                      "Fields that hold tabs or newlines must be quoted.");
    }
    fields.resize(table.columns_.size());
    table.cells_.push_back(std::move(fields));
    table.lines_.push_back(line);
    fields = {};
  }
  return table;
}

bool TsvTable::has(std::string_view column) const {
  return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
}

void TsvTable::require(const std::vector<std::string>& columns) const {
  for (const auto& column : columns) {
    if (has(column)) continue;
    throw UserError(
        ErrorKind::kInput,
        fmt::format("{}: column '{}' is missing (the file has {})", file_.string(), column, fmt::join(columns_, ", ")),
        "Is this the right benchmark, and a tab-separated file with a header?");
  }
}

const std::string& TsvTable::cell(std::size_t row, std::string_view column) const {
  static const std::string kEmpty;
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  return found == columns_.end() ? kEmpty : cells_[row][static_cast<std::size_t>(found - columns_.begin())];
}

bool TsvTable::missing(std::size_t row, std::string_view column) const { return is_missing_text(cell(row, column)); }

std::string TsvTable::text(std::size_t row, std::string_view column) const {
  return missing(row, column) ? std::string() : cell(row, column);
}

}  // namespace scalselect::eval
