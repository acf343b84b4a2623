// Sheets of .xlsx files (ECMA-376, SpreadsheetML): what VLMEvalKit writes its predictions into.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect::eval {

struct SheetCell {
  enum class Kind { kBlank, kText, kNumber, kOther };  ///< kOther: a truth value or an error
  Kind kind = Kind::kBlank;
  std::string
      text;  ///< as it was written into the sheet, "_x000D_" and its like resolved; a number in its shortest form
};

/// A sheet whose first row names the columns.
struct Sheet {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::vector<SheetCell>> rows;  ///< each as long as `columns`
  std::vector<std::size_t> numbers;          ///< of the rows, as a spreadsheet program shows them: 2, 3, ...

  /// Position of a column, or `columns.size()`.
  std::size_t column(std::string_view name) const;
};

/// Reads the only sheet of a file. Rows without any cell are skipped. Memory grows with the sheet, which may have up to
/// 1 GB of XML. Throws UserError(kInput), naming the file: no zip archive, a zip archive that is no .xlsx, several
/// sheets (with their names), no header, a column name that repeats, a cell outside of the header's columns, damage.
Sheet read_xlsx(const std::filesystem::path& file);

}  // namespace scalselect::eval
