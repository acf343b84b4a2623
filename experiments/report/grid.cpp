#include "experiments/report/grid.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "experiments/report/text.h"

namespace scalselect::report {
namespace {

/// Columns a terminal shows: characters, not bytes.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// "1.0±0.2": a terminal has no room to spare.
std::string compact(const std::string& text) {
  std::string line = one_line(text);
  for (auto at = line.find(" ± "); at != std::string::npos; at = line.find(" ± ")) {
    line.erase(at + 3, 1);  // "±" has two bytes
    line.erase(at, 1);
  }
  return line;
}

std::string marked(const GridCell& cell, const std::string& text, const std::pair<const char*, const char*>& best,
                   const std::pair<const char*, const char*>& second) {
  if (cell.mark == Mark::kNone) return text;
  const auto& [before, after] = cell.mark == Mark::kBest ? best : second;
  return before + text + after;
}

}  // namespace

GridRow plain_row(std::vector<std::string> texts, bool aside) {
  GridRow row{{}, aside};
  for (auto& text : texts) row.cells.push_back({std::move(text), Mark::kNone});
  return row;
}

std::string grid_text(const Grid& grid) {
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& name : grid.header) lines[0].push_back(compact(name));
  for (const auto& row : grid.rows) {
    auto& line = lines.emplace_back();
    for (const auto& cell : row.cells) line.push_back(compact(cell.text));
  }
  std::vector<std::size_t> widths(grid.header.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string blanks(widths[i] - width_of(line[i]), ' ');
      text += (i == 0 ? line[i] + blanks : blanks + line[i]) + (i + 1 < line.size() ? "  " : "\n");
    }
  }
  for (const auto& note : grid.notes) text += one_line(note) + "\n";
  return text;
}

std::string grid_markdown(const Grid& grid) {
  std::string text = "|", rule = "|";
  for (std::size_t i = 0; i < grid.header.size(); ++i) {
    text += " " + markdown_text(grid.header[i]) + " |";
    rule += i == 0 ? " --- |" : " ---: |";
  }
  text += "\n" + rule + "\n";
  for (const auto& row : grid.rows) {
    text += "|";
    for (const auto& cell : row.cells)
      text += " " + marked(cell, markdown_text(cell.text), {"**", "**"}, {"*", "*"}) + " |";
    text += "\n";
  }
  for (const auto& note : grid.notes) text += "\n" + markdown_text(note) + "\n";
  return text;
}

std::string grid_latex(const Grid& grid) {
  const auto line = [](const std::vector<std::string>& cells) {
    return fmt::format("{} \\\\\n", fmt::join(cells, " & "));
  };
  std::string text =
      "\\noindent\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n\\begin{tabular}{l" +
      std::string(grid.header.size() - 1, 'r') + "}\n\\toprule\n";
  std::vector<std::string> cells;
  for (const auto& name : grid.header) cells.push_back(latex_text(name));
  text += line(cells) + "\\midrule\n";
  for (std::size_t r = 0; r < grid.rows.size(); ++r) {
    const auto& row = grid.rows[r];
    if (r > 0 && row.aside != grid.rows[r - 1].aside) text += "\\midrule\n";
    cells.clear();
    for (const auto& cell : row.cells)
      cells.push_back(marked(cell, latex_text(cell.text), {"\\textbf{", "}"}, {"\\underline{", "}"}));
    text += line(cells);
  }
  text += "\\bottomrule\n\\end{tabular}}\n";
  for (const auto& note : grid.notes) text += "\n\\noindent " + latex_text(note) + "\n";
  return text;
}

std::string grid_html(const Grid& grid, const std::string& caption) {
  const std::string name = html_text(caption);
  std::string html = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" + name +
                     "\"><table><caption><span>" + name + "</span></caption><thead><tr>";
  for (const auto& head : grid.header) html += "<th scope=\"col\">" + html_text(head) + "</th>";
  html += "</tr></thead><tbody>";
  for (const auto& row : grid.rows) {
    html += row.aside ? "<tr class=\"aside\">" : "<tr>";
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const auto text = marked(row.cells[i], html_text(row.cells[i].text), {"<b>", "</b>"}, {"<u>", "</u>"});
      html += i == 0 ? "<th scope=\"row\">" + text + "</th>" : "<td>" + text + "</td>";
    }
    html += "</tr>";
  }
  html += "</tbody></table></div>";
  for (const auto& note : grid.notes) html += "<p class=\"soft\">" + html_text(note) + "</p>";
  return html;
}

}  // namespace scalselect::report
