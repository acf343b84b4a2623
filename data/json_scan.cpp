#include "data/json_scan.h"

namespace scalselect {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// A position in a text that counts lines.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return text_[at_]; }
  std::size_t byte() const { return at_; }
  std::int64_t line() const { return line_; }
  void step() {
    if (text_[at_] == '\n') ++line_;
    ++at_;
  }
  void skip_mark() { at_ = text_.size() - after_byte_order_mark(text_).size(); }
  void skip_blanks() {
    while (!at_end() && is_blank(peek())) step();
  }

  /// Skips the value that begins here; false if the text ends first.
  bool skip_value() {
    if (peek() == '"') return skip_string();
    if (peek() != '{' && peek() != '[') {
      while (!at_end() && !is_blank(peek()) && peek() != ',' && peek() != ']') step();
      return true;
    }
    std::int64_t depth = 0;
    while (!at_end()) {
      const char c = peek();
      if (c == '"') {
        if (!skip_string()) return false;
        continue;
      }
      step();
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return true;
    }
    return false;
  }

 private:
  bool skip_string() {
    for (step(); !at_end(); step()) {
      if (peek() == '\\') {
        step();
        if (at_end()) return false;
      } else if (peek() == '"') {
        step();
        return true;
      }
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

JsonScanError stopped(const Cursor& cursor, std::string what) {
  return {std::move(what), cursor.byte(), cursor.line()};
}

}  // namespace

std::string_view after_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

JsonScanError scan_json_array(std::string_view text, std::vector<JsonSpan>& values) {
  Cursor cursor(text);
  cursor.skip_mark();
  cursor.skip_blanks();
  cursor.step();  // the bracket that made the caller come here
  bool comma = false;
  while (true) {
    cursor.skip_blanks();
    if (cursor.at_end()) return stopped(cursor, "ends before its closing ']'");
    if (cursor.peek() == ']' && !comma) break;
    if (cursor.peek() == ',' || cursor.peek() == ']') return stopped(cursor, "has a comma without a value");
    const JsonSpan span{cursor.byte(), 0, cursor.line()};
    if (!cursor.skip_value()) return stopped(cursor, "ends in the middle of a value");
    values.push_back({span.begin, cursor.byte() - span.begin, span.line});
    cursor.skip_blanks();
    if (cursor.at_end()) return stopped(cursor, "ends before its closing ']'");
    comma = cursor.peek() == ',';
    if (comma) cursor.step();
    else if (cursor.peek() != ']') return stopped(cursor, "lacks a comma between two values");
  }
  cursor.step();
  cursor.skip_blanks();
  if (!cursor.at_end()) return stopped(cursor, "continues after its closing ']'");
  return {};
}

JsonScanError scan_json_lines(std::string_view text, std::vector<JsonSpan>& values) {
  std::int64_t line = 0;
  for (std::size_t at = text.size() - after_byte_order_mark(text).size(); at < text.size();) {
    ++line;
    std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) end = text.size();
    std::size_t begin = at, stop = end;
    while (begin < stop && is_blank(text[begin])) ++begin;
    while (stop > begin && is_blank(text[stop - 1])) --stop;
    at = end + 1;
    if (begin == stop) continue;
    Cursor cursor(text.substr(begin, stop - begin));
    if (!cursor.skip_value())
      return {"ends in the middle of a value (JSON lines hold one object per line)", stop, line};
    if (!cursor.at_end()) return {"has more than one value on a line", begin + cursor.byte(), line};
    values.push_back({begin, stop - begin, line});
  }
  return {};
}

}  // namespace scalselect
