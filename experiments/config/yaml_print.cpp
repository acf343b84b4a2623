// PyYAML's block emitter at 80 columns, as OmegaConf.to_yaml drives it (yaml/emitter.py, omegaconf/_utils.py).
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "experiments/config/python_text.h"
#include "experiments/config/scalar_rules.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

constexpr int kBestWidth = 80;
constexpr int kBestIndent = 2;

bool is_break(char32_t c) { return c == U'\n' || c == 0x85 || c == 0x2028 || c == 0x2029; }
bool is_blank(char32_t c) { return c == 0 || c == U' ' || c == U'\t' || c == U'\r' || is_break(c); }
bool one_of(char32_t c, std::u32string_view set) { return set.find(c) != std::u32string_view::npos; }

bool printable(char32_t c) {
  if (c == U'\n' || (c >= 0x20 && c <= 0x7E) || c == 0x85) return true;
  if (c == 0xFEFF) return false;
  return (c >= 0xA0 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c < 0x10FFFF);
}

/// Which styles a text may be written in (block context only; the emitter never leaves it).
struct Analysis {
  bool empty = false, multiline = false, plain = true, single = true;
};

Analysis analyze(const std::u32string& text) {
  Analysis result;
  if (text.empty()) {
    result.empty = true;
    return result;  // an empty plain scalar would be allowed but never resolves to a string
  }
  bool indicators = text.starts_with(U"---") || text.starts_with(U"...");
  bool special = false, leading = false, trailing = false, break_space = false, space_break = false;
  bool previous_space = false, previous_break = false, after_blank = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    const bool before_blank = i + 1 >= text.size() || is_blank(text[i + 1]);
    const bool first = i == 0, last = i + 1 == text.size();
    if (first) {
      indicators |= one_of(c, U"#,[]{}&*!|>'\"%@`") || (one_of(c, U"?:-") && before_blank);
    } else {
      indicators |= (c == U':' && before_blank) || (c == U'#' && after_blank);
    }
    result.multiline |= is_break(c);
    special |= !printable(c);
    if (c == U' ') {
      leading |= first;
      trailing |= last;
      break_space |= previous_break;
    } else if (is_break(c)) {
      leading |= first;
      trailing |= last;
      space_break |= previous_space;
    }
    previous_space = c == U' ';
    previous_break = is_break(c);
    after_blank = is_blank(c);
  }
  result.plain = !(leading || trailing || break_space || space_break || special || result.multiline || indicators);
  result.single = !(break_space || space_break || special);
  return result;
}

class Emitter {
 public:
  std::string run(const Value& root) {
    node(root, /*in_map=*/false);
    indent_ = 0;
    write_indent();
    return std::move(out_);
  }

 private:
  void node(const Value& value, bool in_map) {
    if (value.is_list() && value.size() > 0) return block_list(value, in_map);
    if (value.is_map() && value.size() > 0) return block_map(value);
    const int saved = indent_;
    indent_ = indent_ < 0 ? kBestIndent : indent_ + kBestIndent;
    if (value.is_container()) {
      indicator(value.is_list() ? "[" : "{", true, true);
      indicator(value.is_list() ? "]" : "}", false);
    } else {
      scalar(value, false);
    }
    indent_ = saved;
  }

  void block_list(const Value& value, bool in_map) {
    const int saved = indent_;
    const bool indentless = in_map && !indention_;
    indent_ = indent_ < 0 ? 0 : indentless ? indent_ : indent_ + kBestIndent;
    for (const auto& item : value.items()) {
      write_indent();
      indicator("-", true, false, true);
      node(item, false);
    }
    indent_ = saved;
  }

  void block_map(const Value& value) {
    const int saved = indent_;
    indent_ = indent_ < 0 ? 0 : indent_ + kBestIndent;
    for (const auto& [key, item] : value.entries()) {
      write_indent();
      if (simple_key(key)) {
        const int inner = indent_;
        indent_ += kBestIndent;
        scalar(key, true);
        indent_ = inner;
        indicator(":", false);
      } else {
        indicator("?", true, false, true);
        node(key, true);
        write_indent();
        indicator(":", true, false, true);
      }
      node(item, true);
    }
    indent_ = saved;
  }

  static bool simple_key(const Value& key) {
    if (!key.is_string()) return true;
    const auto text = to_code_points(key.as_string());
    return text.size() < 128 && !text.empty() && !analyze(text).multiline;
  }

  void scalar(const Value& value, bool as_key) {
    if (!value.is_string()) return plain(to_code_points(typed_text(value)), !as_key);
    const auto text = to_code_points(value.as_string());
    const Analysis analysis = analyze(text);
    // Quoted: whatever Python could take for a number or YAML for a boolean, and whatever a reader would not take for a
    // string.
    const bool looks_typed = looks_like_number_or_bool(value.as_string());
    if (!looks_typed && !analysis.empty && analysis.plain && resolves_to_string(value.as_string())) {
      return plain(text, !as_key);
    }
    if (analysis.single && !(as_key && analysis.multiline)) return single_quoted(text, !as_key);
    double_quoted(text, !as_key);
  }

  static std::string typed_text(const Value& value) {
    if (value.is_null()) return "null";
    if (value.is_bool()) return value.as_bool() ? "true" : "false";
    if (!value.is_float()) return python_str(value);
    const double number = value.as_float();
    if (std::isnan(number)) return ".nan";
    if (std::isinf(number)) return number < 0 ? "-.inf" : ".inf";
    std::string text = float_repr(number);
    const auto e = text.find('e');
    if (e != std::string::npos && text.find('.') == std::string::npos) text.insert(e, ".0");
    return text;
  }

  void put(std::u32string_view text) {
    for (const char32_t c : text) append_utf8(out_, c);
    column_ += static_cast<int>(text.size());
  }

  void put_ascii(std::string_view text) {
    out_ += text;
    column_ += static_cast<int>(text.size());
  }

  void indicator(std::string_view text, bool need_blank, bool blank = false, bool indention = false) {
    if (need_blank && !whitespace_) put_ascii(" ");
    put_ascii(text);
    whitespace_ = blank;
    indention_ = indention_ && indention;
  }

  void write_indent() {
    const int indent = std::max(indent_, 0);
    if (!indention_ || column_ > indent || (column_ == indent && !whitespace_)) line_break();
    if (column_ < indent) {
      whitespace_ = true;
      put_ascii(std::string(static_cast<std::size_t>(indent - column_), ' '));
    }
  }

  void line_break(char32_t c = U'\n') {
    append_utf8(out_, c);
    whitespace_ = indention_ = true;
    column_ = 0;
  }

  void line_breaks(std::u32string_view text) {
    if (text[0] == U'\n') line_break();
    for (const char32_t c : text) line_break(c);
    write_indent();
  }

  void plain(const std::u32string& text, bool split) {
    if (text.empty()) return;
    if (!whitespace_) put_ascii(" ");
    whitespace_ = indention_ = false;
    std::size_t start = 0;
    bool spaces = false;
    for (std::size_t end = 0; end <= text.size(); ++end) {
      const bool done = end == text.size();
      const char32_t c = done ? 0 : text[end];
      if (spaces) {
        if (done || c != U' ') {
          if (start + 1 == end && column_ > kBestWidth && split) {
            write_indent();
            whitespace_ = indention_ = false;
          } else {
            put(std::u32string_view(text).substr(start, end - start));
          }
          start = end;
        }
      } else if (done || c == U' ') {
        put(std::u32string_view(text).substr(start, end - start));
        start = end;
      }
      spaces = !done && c == U' ';
    }
  }

  void single_quoted(const std::u32string& text, bool split) {
    indicator("'", true);
    const std::u32string_view view = text;
    std::size_t start = 0;
    bool spaces = false, breaks = false;
    for (std::size_t end = 0; end <= text.size(); ++end) {
      const bool done = end == text.size();
      const char32_t c = done ? 0 : text[end];
      if (spaces) {
        if (done || c != U' ') {
          if (start + 1 == end && column_ > kBestWidth && split && start != 0 && !done) {
            write_indent();
          } else {
            put(view.substr(start, end - start));
          }
          start = end;
        }
      } else if (breaks) {
        if (done || !is_break(c)) {
          line_breaks(view.substr(start, end - start));
          start = end;
        }
      } else if (done || c == U' ' || is_break(c) || c == U'\'') {
        if (start < end) put(view.substr(start, end - start));
        start = end;
      }
      if (!done && c == U'\'') {
        put_ascii("''");
        start = end + 1;
      }
      spaces = !done && c == U' ';
      breaks = !done && is_break(c);
    }
    indicator("'", false);
  }

  static std::string escape(char32_t c) {
    switch (c) {
      case 0: return "\\0";
      case 7: return "\\a";
      case 8: return "\\b";
      case 9: return "\\t";
      case 10: return "\\n";
      case 11: return "\\v";
      case 12: return "\\f";
      case 13: return "\\r";
      case 27: return "\\e";
      case U'"': return "\\\"";
      case U'\\': return "\\\\";
      case 0x85: return "\\N";
      case 0xA0: return "\\_";
      case 0x2028: return "\\L";
      case 0x2029: return "\\P";
      default: break;
    }
    const auto code = static_cast<unsigned>(c);
    if (code <= 0xFF) return fmt::format("\\x{:02X}", code);
    return code <= 0xFFFF ? fmt::format("\\u{:04X}", code) : fmt::format("\\U{:08X}", code);
  }

  static bool needs_escape(char32_t c) {
    if (one_of(c, U"\"\\") || c == 0x85 || c == 0x2028 || c == 0x2029 || c == 0xFEFF) return true;
    return !((c >= 0x20 && c <= 0x7E) || (c >= 0xA0 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD));
  }

  void double_quoted(const std::u32string& text, bool split) {
    indicator("\"", true);
    const std::u32string_view view = text;
    std::size_t start = 0;
    for (std::size_t end = 0; end <= text.size(); ++end) {
      const bool done = end == text.size();
      const char32_t c = done ? 0 : text[end];
      if (done || needs_escape(c)) {
        if (start < end) put(view.substr(start, end - start));
        start = end;
        if (!done) {
          put_ascii(escape(c));
          start = end + 1;
        }
      }
      const int pending = static_cast<int>(end) - static_cast<int>(start);
      if (split && end > 0 && end + 1 < text.size() && (c == U' ' || start >= end) && column_ + pending > kBestWidth) {
        if (start < end) {
          put(view.substr(start, end - start));
          start = end;
        }
        put_ascii("\\");
        write_indent();
        whitespace_ = indention_ = false;
        if (text[start] == U' ') put_ascii("\\");
      }
    }
    indicator("\"", false);
  }

  std::string out_;
  int indent_ = -1;  // -1: not inside any collection yet
  int column_ = 0;
  bool whitespace_ = true;
  bool indention_ = true;
};

}  // namespace

std::string to_yaml(const Value& value) { return Emitter().run(value); }

}  // namespace scalselect::config
