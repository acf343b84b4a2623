// Tab-separated tables as pandas reads them: VLMEvalKit's benchmark files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect::eval {

/// A table of raw text cells. Quoting follows pandas' C parser: a double quote at the start of a field opens a quoted
/// field, in which tabs and newlines are text and two quotes mean one; elsewhere a quote is an ordinary character.
/// LF, CR LF and CR end a row, blank lines are skipped, a short row is filled up with empty cells.
class TsvTable {
 public:
  /// Throws UserError(kInput), naming file and line: unreadable or empty file, text that is not UTF-8, a row with too
  /// many fields, a quote that never closes, a column name that repeats.
  static TsvTable read(const std::filesystem::path& file);
  /// As above from memory; `file` is for messages.
  static TsvTable parse(std::string_view text, const std::filesystem::path& file);

  std::size_t rows() const { return cells_.size(); }
  const std::vector<std::string>& columns() const { return columns_; }
  bool has(std::string_view column) const;
  /// Throws UserError(kInput) that lists the file's columns if one of `columns` is absent.
  void require(const std::vector<std::string>& columns) const;

  /// Raw text of a cell; an empty string if the column does not exist.
  const std::string& cell(std::size_t row, std::string_view column) const;
  /// True if pandas would read the cell as missing: absent column, "", "NA", "nan", "None", "n/a", "null", ...
  bool missing(std::size_t row, std::string_view column) const;
  /// Raw text, or an empty string if missing.
  std::string text(std::size_t row, std::string_view column) const;

  /// 1-based line on which a row starts, for messages.
  std::size_t line(std::size_t row) const { return lines_[row]; }
  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> cells_;
  std::vector<std::size_t> lines_;
};

/// pandas' default list of texts that mean "missing".
bool is_missing_text(std::string_view cell);

}  // namespace scalselect::eval
