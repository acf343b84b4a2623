// Text of users (names, commands, sources of samples) in the formats of a report: each format escapes here and nowhere
// else. Control characters, line ends among them, become blanks in all of them.
#pragma once

#include <string>
#include <vector>

namespace scalselect::report {

std::string one_line(std::string text);

std::string html_text(const std::string& text);  ///< also fit for an attribute in double quotes
std::string markdown_text(const std::string& text);
/// pdfLaTeX, text mode; "±", "–", "↓" and a sign before a digit are set as they should be.
std::string latex_text(const std::string& text);
/// One line that a spreadsheet does not run as a formula: what begins with =, +, - or @ and is not a number gets a
/// leading apostrophe.
std::string csv_text(const std::string& text);
/// csv_text, in quotes where a comma or a quote needs them.
std::string csv_field(const std::string& text);
std::string gnuplot_text(const std::string& text);  ///< with its quotes

/// A command as one can paste it into a shell.
std::string shell_text(const std::vector<std::string>& words);

/// `text` as the name of one file or folder: letters, digits and "._-+=@," stay, other bytes become %XX, and so do
/// the dots of "." and ".."; different texts give different names. Of long texts the beginning and a digest.
std::string file_name(const std::string& text);

}  // namespace scalselect::report
