// PyYAML's block emitter at 80 columns, as OmegaConf.to_yaml drives it (yaml/emitter.py, omegaconf/_utils.py).
#include <fmt/format.h>

#include <cmath>

#include "core/utf8.h"
#include "experiments/config/python_text.h"
#include "experiments/config/scalar_rules.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kWidth = 80, kIndent = 2;

bool is_break(char32_t c) { return c == U'\n' || c == 0x85 || c == 0x2028 || c == 0x2029; }
bool is_blank(char32_t c) { return c == 0 || c == U' ' || c == U'\t' || c == U'\r' || is_break(c); }
bool one_of(char32_t c, std::u32string_view set) { return set.find(c) != std::u32string_view::npos; }

bool printable(char32_t c) {
  if (c == U'\n' || (c >= 0x20 && c <= 0x7E) || c == 0x85) return true;
  if (c == 0xFEFF) return false;
  return (c >= 0xA0 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c < 0x10FFFF);
}

std::u32string to_code_points(const std::string& text) {
  std::u32string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = decode_utf8(text, at);
    out += next.point;
    at += next.bytes;
  }
  return out;
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

/// Inside double quotes.
std::string escaped(char32_t c) {
  constexpr std::u32string_view known = U"\0\a\b\t\n\v\f\r\x1B\"\\\u0085\u00A0\u2028\u2029"sv;
  constexpr std::string_view letters = "0abtnvfre\"\\N_LP";
  if (const auto at = known.find(c); at != known.npos) return {'\\', letters[at]};
  const auto code = static_cast<unsigned>(c);
  if (code <= 0xFF) return fmt::format("\\x{:02X}", code);
  return code <= 0xFFFF ? fmt::format("\\u{:04X}", code) : fmt::format("\\U{:08X}", code);
}

bool needs_escape(char32_t c) {
  if (one_of(c, U"\"\\") || c == 0x85 || c == 0x2028 || c == 0x2029 || c == 0xFEFF) return true;
  return !((c >= 0x20 && c <= 0x7E) || (c >= 0xA0 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD));
}

/// A scalar that is not a string.
std::string typed_text(const Value& value) {
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

bool is_block(const Value& value) { return value.is_container() && value.size() > 0; }

class Emitter {
 public:
  std::string run(const Value& root) {
    if (is_block(root)) block(root, 0);
    else leaf(root, kIndent);
    return out_ + "\n";
  }

 private:
  // ---- structure; each begins where the cursor is, and `indent` is the column of the lines that follow ----

  void block(const Value& value, std::size_t indent) {
    const std::size_t start = out_.size();
    const auto next_line = [&] {
      if (out_.size() > start) new_line(indent);
    };
    if (value.is_list()) {
      for (const auto& item : value.items()) {
        next_line();
        marked("- ", item, indent);
      }
      return;
    }
    for (const auto& [key, item] : value.entries()) {
      next_line();
      if (simple_key(key)) {
        scalar(key, indent, /*as_key=*/true);
        after_key(item, indent);
      } else {
        marked("? ", key, indent);
        new_line(indent);
        marked(": ", item, indent);
      }
    }
  }

  void marked(const char* mark, const Value& item, std::size_t indent) {
    put(mark);
    if (is_block(item)) block(item, indent + kIndent);
    else leaf(item, indent + kIndent);
  }

  void after_key(const Value& item, std::size_t indent) {
    put(":");
    if (is_block(item)) {
      const std::size_t inner = item.is_map() ? indent + kIndent : indent;
      new_line(inner);
      block(item, inner);
    } else {
      put(" ");
      leaf(item, indent + kIndent);
    }
  }

  void leaf(const Value& value, std::size_t indent) {
    if (value.is_container()) put(value.is_list() ? "[]" : "{}");
    else scalar(value, indent, /*as_key=*/false);
  }

  static bool simple_key(const Value& key) {
    if (!key.is_string()) return true;
    const auto text = to_code_points(key.as_string());
    return text.size() < 128 && !text.empty() && !analyze(text).multiline;
  }

  // ---- scalars ----

  void scalar(const Value& value, std::size_t indent, bool as_key) {
    if (!value.is_string()) return put(typed_text(value));
    const auto text = to_code_points(value.as_string());
    const Analysis analysis = analyze(text);
    // Quoted: whatever Python could take for a number or YAML for a boolean, and whatever a reader would not take for a
    // string.
    const bool looks_typed = looks_like_number_or_bool(value.as_string());
    if (!looks_typed && !analysis.empty && analysis.plain && resolves_to_string(value.as_string())) {
      folded(text, indent, !as_key, /*quoted=*/false);
    } else if (analysis.single && !(as_key && analysis.multiline)) {
      put("'");
      folded(text, indent, !as_key, /*quoted=*/true);
      put("'");
    } else {
      double_quoted(text, indent, !as_key);
    }
  }

  /// Plain text, or what stands between single quotes: a full line ends at the next single blank.
  void folded(std::u32string_view text, std::size_t indent, bool split, bool quoted) {
    for (std::size_t start = 0, end = 0; start < text.size(); start = end) {
      const auto same = [&](char32_t c) {
        return text[start] == U' ' ? c == U' ' : c != U' ' && is_break(c) == is_break(text[start]);
      };
      while (end < text.size() && same(text[end])) ++end;
      const auto run = text.substr(start, end - start);
      if (is_break(run[0])) {
        line_breaks(run, indent);
      } else if (run == U" " && split && column_ > kWidth && start > 0 && end < text.size()) {
        new_line(indent);
      } else {
        for (const char32_t c : run) put(c, quoted && c == U'\'' ? 2 : 1);
      }
    }
  }

  void double_quoted(std::u32string_view text, std::size_t indent, bool split) {
    put("\"");
    std::size_t start = 0;  // of what is not written yet
    const auto write_until = [&](std::size_t end) {
      for (; start < end; ++start) put(text[start]);
    };
    for (std::size_t end = 0; end <= text.size(); ++end) {
      const bool done = end == text.size();
      if (done || needs_escape(text[end])) {
        write_until(end);
        if (!done) put(escaped(text[start++]));
      }
      const bool may_break = split && end > 0 && end + 1 < text.size() && (text[end] == U' ' || start >= end);
      if (may_break && column_ + end > kWidth + start) {
        write_until(end);
        put("\\");
        new_line(indent);
        if (text[start] == U' ') put("\\");
      }
    }
    put("\"");
  }

  // ---- output ----

  void put(std::string_view ascii) {
    out_ += ascii;
    column_ += ascii.size();
  }

  void put(char32_t c, std::size_t times = 1) {
    column_ += times;
    while (times-- > 0) append_utf8(out_, c);
  }

  void new_line(std::size_t indent) {
    out_ += '\n' + std::string(indent, ' ');
    column_ = indent;
  }

  /// In a quoted text one break is a blank, so a line's end is written as two.
  void line_breaks(std::u32string_view breaks, std::size_t indent) {
    if (breaks[0] == U'\n') out_ += '\n';
    for (const char32_t c : breaks) append_utf8(out_, c);
    out_ += std::string(indent, ' ');
    column_ = indent;
  }

  std::string out_;
  std::size_t column_ = 0;
};

}  // namespace

std::string to_yaml(const Value& value) { return Emitter().run(value); }

}  // namespace scalselect::config
