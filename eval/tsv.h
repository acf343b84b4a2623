// Tab-separated tables as pandas reads them: VLMEvalKit's benchmark files.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/mapped_file.h"

namespace scalselect::eval {

/// A table of raw text cells. Long ones, which is to say pictures in base64, stay in the file and are read when asked
/// for: memory grows with the number of rows, not with their pictures. Quoting follows pandas' C parser: a double quote
/// at the start of a field opens a quoted field, in which tabs and newlines are text and two quotes mean one; elsewhere
/// a quote is an ordinary character. LF, CR LF and CR end a row, blank lines are skipped, a short row is filled up with
/// empty cells.
class TsvTable {
 public:
  /// Throws UserError(kInput), naming file and line: unreadable or empty file, text that is not UTF-8, a row with too
  /// many fields, a quote that never closes, a column name that repeats.
  /// The file must not change while the table is in use.
  static TsvTable read(const std::filesystem::path& file);
  /// As above from memory; `file` is for messages.
  static TsvTable parse(std::string_view text, const std::filesystem::path& file);

  std::size_t rows() const { return cells_.size(); }
  const std::vector<std::string>& columns() const { return columns_; }
  bool has(std::string_view column) const;
  /// Throws UserError(kInput) that lists the file's columns if one of `columns` is absent.
  void require(const std::vector<std::string>& columns) const;

  /// Raw text of a cell; an empty string if the column does not exist.
  std::string cell(std::size_t row, std::string_view column) const;
  /// True if pandas would read the cell as missing: absent column, "", "NA", "nan", "None", "n/a", "null", ...
  bool missing(std::size_t row, std::string_view column) const;
  /// Raw text, or an empty string if missing.
  std::string text(std::size_t row, std::string_view column) const;

  /// 1-based line on which a row starts, for messages.
  std::size_t line(std::size_t row) const { return lines_[row]; }
  const std::filesystem::path& file() const { return file_; }

 private:
  struct Cell {
    std::string text;
    std::string_view in_file;  ///< of a long cell: the field as written, quotes included; `text` is empty then
  };
  static TsvTable parse(std::string_view text, const std::filesystem::path& file,
                        std::shared_ptr<const MappedFile> mapping);
  const Cell* find(std::size_t row, std::string_view column) const;

  std::filesystem::path file_;
  std::shared_ptr<const MappedFile> mapping_;  ///< null for a table from memory
  std::vector<std::string> columns_;
  std::vector<std::vector<Cell>> cells_;
  std::vector<std::size_t> lines_;
};

/// pandas' default list of texts that mean "missing".
bool is_missing_text(std::string_view cell);

}  // namespace scalselect::eval
