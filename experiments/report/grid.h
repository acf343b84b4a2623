// A table of texts, and how it is written in each format.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace scalselect::report {

enum class Mark { kNone, kBest, kSecond };

struct GridCell {
  std::string text;  ///< as it reads: "33.8 ± 1.2", "–" where there is nothing
  Mark mark = Mark::kNone;
};

struct GridRow {
  std::vector<GridCell> cells;  ///< the first is the row's name
  bool aside = false;           ///< what others are compared with: the full pool, chance
};

struct Grid {
  std::vector<std::string> header;
  std::vector<GridRow> rows;
  std::vector<std::string> notes;  ///< whole sentences
};

/// A row of plain texts.
GridRow plain_row(std::vector<std::string> texts, bool aside = false);

/// Columns of equal width for a terminal, without marks.
std::string grid_text(const Grid& grid);
/// GitHub's tables: the best in bold, the second in italics; notes below.
std::string grid_markdown(const Grid& grid);
/// A booktabs tabular, no wider than the text; the best in bold, the second underlined; notes below. Needs the packages
/// booktabs and graphicx.
std::string grid_latex(const Grid& grid);
/// A table in a box that scrolls sideways, can be reached by keyboard and is named by `caption`; notes below.
std::string grid_html(const Grid& grid, const std::string& caption);

}  // namespace scalselect::report
