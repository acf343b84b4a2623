#include "experiments/config/quoting.h"

#include <string_view>

namespace scalselect::config {
namespace {

/// Runs of backslashes that end at a quote, in `text`, where the end of the text counts as `quote`.
template <class Visit>
std::string rewrite_backslash_runs(const std::string& text, char quote, const Visit& visit) {
  std::string out;
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i] != '\\') {
      out += text[i] == quote ? visit(0, true) : std::string(1, text[i]);
      ++i;
      continue;
    }
    std::size_t run = 0;
    while (i + run < text.size() && text[i + run] == '\\') ++run;
    i += run;
    const bool ends = i == text.size();
    if (ends || text[i] == quote) {
      out += visit(run, !ends);
      if (!ends) ++i;
    } else {
      out.append(run, '\\');
    }
  }
  return out;
}

}  // namespace

std::size_t match_quoted(const std::string& text, std::size_t at) {
  // The closing quote is the first one after an even number of backslashes.
  const char quote = text[at];
  std::size_t backslashes = 0;
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == quote && backslashes % 2 == 0) return i + 1 - at;
    backslashes = text[i] == '\\' ? backslashes + 1 : 0;
  }
  return 0;
}

std::string unquote(const std::string& quoted) {
  const char quote = quoted[0];
  // Each pair of backslashes before a quote (or the end) is one; the odd one escapes the quote.
  return rewrite_backslash_runs(quoted.substr(1, quoted.size() - 2), quote, [&](std::size_t run, bool at_quote) {
    return std::string(run / 2, '\\') + (at_quote ? std::string(1, quote) : "");
  });
}

std::string with_quotes(const std::string& text, char quote) {
  const std::string body = rewrite_backslash_runs(text, quote, [&](std::size_t run, bool at_quote) {
    return std::string(run * 2, '\\') + (at_quote ? std::string("\\") + quote : "");
  });
  std::string out(1, quote);
  out += body;
  out += quote;
  return out;
}

std::string escape_special(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\()[]{}:=, \t").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace scalselect::config
