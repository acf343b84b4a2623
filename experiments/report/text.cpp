#include "experiments/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "core/hash.h"

namespace scalselect::report {
namespace {

bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && std::any_of(text.begin(), text.end(), is_digit);
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// Characters that `table` names are replaced, others stay.
std::string mapped(const std::string& text, const std::map<char, std::string>& table) {
  std::string out;
  for (const char c : text) {
    const auto found = table.find(c);
    if (found == table.end()) out += c;
    else out += found->second;
  }
  return out;
}

}  // namespace

std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return text;
}

std::string html_text(const std::string& text) {
  return mapped(one_line(text), {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}});
}

std::string markdown_text(const std::string& text) {
  const std::string line = one_line(text);
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    // Within a word "_" is a plain character, and "[" begins a link only before "](".
    const bool in_word = i > 0 && i + 1 < line.size() && is_alnum(line[i - 1]) && is_alnum(line[i + 1]);
    const bool link = c == ']' && i + 1 < line.size() && (line[i + 1] == '(' || line[i + 1] == '[');
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (std::string("\\|*`").find(c) != std::string::npos || (c == '_' && !in_word) || link) (out += '\\') += c;
    else out += c;
  }
  return out;
}

std::string latex_text(const std::string& text) {
  // "[" and "*" in braces: after the end of a row they would be its options.
  static const std::map<char, std::string> kTable = {{'\\', "\\textbackslash{}"},
                                                     {'{', "\\{"},
                                                     {'}', "\\}"},
                                                     {'$', "\\$"},
                                                     {'&', "\\&"},
                                                     {'#', "\\#"},
                                                     {'_', "\\_"},
                                                     {'%', "\\%"},
                                                     {'^', "\\textasciicircum{}"},
                                                     {'~', "\\textasciitilde{}"},
                                                     {'<', "\\textless{}"},
                                                     {'>', "\\textgreater{}"},
                                                     {'|', "\\textbar{}"},
                                                     {'"', "''"},
                                                     {'[', "{[}"},
                                                     {'*', "{*}"}};
  const std::string line = one_line(text);
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool sign = (line[i] == '-' || line[i] == '+') && i + 1 < line.size() && is_digit(line[i + 1]) &&
                      (i == 0 || line[i - 1] == ' ' || line[i - 1] == '[');
    out += sign ? fmt::format("${}$", line[i]) : mapped(line.substr(i, 1), kTable);
  }
  replace_all(out, "±", "$\\pm$");
  replace_all(out, "–", "--");
  replace_all(out, "↓", "$\\downarrow$");
  replace_all(out, "†", "\\dag{}");
  replace_all(out, "×", "$\\times$");
  return out;
}

std::string csv_text(const std::string& text) {
  const bool formula = !text.empty() && std::string("=+-@\t\r").find(text[0]) != std::string::npos && !is_number(text);
  return (formula ? "'" : "") + one_line(text);
}

std::string csv_field(const std::string& text) {
  std::string field = csv_text(text);
  if (field.find_first_of(",\"") == std::string::npos) return field;
  replace_all(field, "\"", "\"\"");
  return '"' + field + '"';
}

std::string gnuplot_text(const std::string& text) { return '\'' + mapped(one_line(text), {{'\'', "''"}}) + '\''; }

std::string shell_text(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) {
    const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
      return is_alnum(c) || static_cast<unsigned char>(c) >= 0x80 ||
             std::string("_-+=.,/:@%").find(c) != std::string::npos;
    });
    line += (line.empty() ? "" : " ") + (plain ? word : '\'' + mapped(word, {{'\'', "'\\''"}}) + '\'');
  }
  return line;
}

std::string file_name(const std::string& text) {
  constexpr std::size_t kLongest = 100;
  const bool dots = text.find_first_not_of('.') == std::string::npos;
  std::string name;
  for (const char c : text) {
    const bool kept = is_alnum(c) || std::string("_-+=@,").find(c) != std::string::npos || (c == '.' && !dots);
    name += kept ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  if (name.empty()) return "%";
  return name.size() <= kLongest ? name : name.substr(0, kLongest) + "~" + sha256(text).substr(0, 16);
}

}  // namespace scalselect::report
