#include "data/json_scan.h"

#include <algorithm>
#include <cstring>

namespace scalselect {
namespace {

constexpr std::size_t kChunk = 256 << 10;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool ends_scalar(char c) { return is_blank(c) || c == ',' || c == ']' || c == '}'; }

/// Skips one value whose text may come in pieces.
class ValueScan {
 public:
  /// `first`: the value's first byte, which is part of what `run` is given.
  explicit ValueScan(char first) : scalar_(first != '"' && first != '{' && first != '[') {}

  /// Goes on in [at, end); returns where the value ends, or `end` if it does not end there. Counts line breaks.
  const char* run(const char* at, const char* end, std::int64_t& line) {
    if (scalar_) {
      while (at < end && !ends_scalar(*at)) ++at;
      done_ = at < end;
      return at;
    }
    while (at < end && !done_) {
      if (in_string_ && !escaped_) {
        while (at < end && *at != '"' && *at != '\\' && *at != '\n') ++at;
        if (at == end) break;
      }
      const char c = *at++;
      if (c == '\n') ++line;
      if (in_string_) {
        if (escaped_) escaped_ = false;
        else if (c == '\\') escaped_ = true;
        else if (c == '"') end_string();
      } else if (c == '"') {
        in_string_ = true;
      } else if (c == '{' || c == '[') {
        ++depth_;
      } else if ((c == '}' || c == ']') && --depth_ == 0) {
        done_ = true;
      }
    }
    return at;
  }

  /// At the end of the text a scalar is complete, too.
  bool done(bool end_of_text) const { return done_ || (scalar_ && end_of_text); }

 private:
  void end_string() {
    in_string_ = false;
    done_ = depth_ == 0;
  }

  bool scalar_, in_string_ = false, escaped_ = false, done_ = false;
  std::int64_t depth_ = 0;
};

/// Length of the value that `text` begins with; 0 if it does not end.
std::size_t value_length(std::string_view text) {
  if (text.empty()) return 0;
  ValueScan scan(text[0]);
  std::int64_t lines = 0;
  const char* stop = scan.run(text.data(), text.data() + text.size(), lines);
  return scan.done(true) ? static_cast<std::size_t>(stop - text.data()) : 0;
}

/// Without the blanks that it begins with, but for line ends.
std::string_view trimmed_left(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  return text;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view after_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

JsonValues::JsonValues(Read read, JsonLayout layout, JsonPlace from, bool bad_lines)
    : read_(std::move(read)),
      layout_(layout),
      base_(from.byte),
      line_(from.line),
      begun_(from.byte > 0),
      comma_(from.byte > 0),
      bad_lines_(bad_lines),
      whole_line_(from.byte > 0) {}

JsonValues::JsonValues(std::string_view text, JsonLayout layout)
    : JsonValues(
          [text](char* to, std::size_t size) mutable {
            const auto part = text.substr(0, size);
            std::memcpy(to, part.data(), part.size());
            text.remove_prefix(part.size());
            return part.size();
          },
          layout) {}

bool JsonValues::more() {
  if (too_large_) return false;
  if (keep_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + keep_, end_ - keep_);
    base_ += keep_;
    at_ -= keep_;
    end_ -= keep_;
    keep_ = 0;
  }
  if (end_ >= kValueBytes) {
    too_large_ = true;
    return false;
  }
  if (buffer_.size() - end_ < kChunk) buffer_.resize(std::max(2 * buffer_.size(), end_ + kChunk));
  const auto got = read_(buffer_.data() + end_, buffer_.size() - end_);
  end_ += got;
  return got > 0;
}

void JsonValues::step() {
  if (buffer_[at_] == '\n') ++line_;
  ++at_;
}

void JsonValues::skip_blanks() {
  while (true) {
    keep_ = at_;
    if (at_end() || !is_blank(peek())) return;
    step();
  }
}

bool JsonValues::stop(std::string what) {
  error_ = {std::move(what), here()};
  done_ = true;
  return false;
}

bool JsonValues::stop_at_end(const char* what) {
  return stop(too_large_ ? "holds a row of more than " + std::to_string(kValueBytes >> 20) + " MiB, the limit," : what);
}

bool JsonValues::begin_array() {
  while (end_ - at_ < 3 && more()) {
  }
  at_ = end_ - after_byte_order_mark({buffer_.data(), end_}).size();
  if (layout_ == JsonLayout::kLines) return true;
  skip_blanks();
  if (at_end() || peek() != '[') return stop("does not begin with '['");
  step();
  return true;
}

bool JsonValues::next(std::string_view& value) {
  if (done_) return false;
  if (!begun_) {
    begun_ = true;
    if (!begin_array()) return false;
  }
  return layout_ == JsonLayout::kArray ? next_of_array(value) : next_line(value);
}

bool JsonValues::next_of_array(std::string_view& value) {
  skip_blanks();
  if (at_end()) return stop("ends before its closing ']'");
  if (peek() == ']' && !comma_) {
    step();
    skip_blanks();
    if (!at_end()) return stop("continues after its closing ']'");
    done_ = true;
    return false;
  }
  if (peek() == ',' || peek() == ']') return stop("has a comma without a value");
  place_ = here();
  ValueScan scan(peek());
  do {
    at_ = static_cast<std::size_t>(scan.run(buffer_.data() + at_, buffer_.data() + end_, line_) - buffer_.data());
  } while (!scan.done(false) && more());
  if (!scan.done(!too_large_)) return stop_at_end("ends in the middle of a value");
  // The comma after it is looked for at once, which may move the buffer: the value's place in it is kept.
  const auto length = base_ + at_ - place_.byte;
  std::size_t behind = at_ - keep_;
  while (true) {
    if (keep_ + behind == end_) {
      at_ = end_;
      if (!more()) return too_large_ ? stop_at_end("") : stop("ends before its closing ']'");
    }
    const char c = buffer_[keep_ + behind];
    if (!is_blank(c)) break;
    if (c == '\n') ++line_;
    ++behind;
  }
  at_ = keep_ + behind;
  comma_ = peek() == ',';
  if (comma_) ++at_;
  else if (peek() != ']') return stop("lacks a comma between two values");
  value = {buffer_.data() + keep_, static_cast<std::size_t>(length)};
  return true;
}

bool JsonValues::next_line(std::string_view& value) {
  while (true) {
    keep_ = at_;
    if (at_end()) {
      done_ = true;
      return false;
    }
    std::size_t searched = at_ - keep_;
    const char* found = nullptr;
    while (found == nullptr) {
      const char* from = buffer_.data() + keep_ + searched;
      found = static_cast<const char*>(std::memchr(from, '\n', end_ - keep_ - searched));
      searched = end_ - keep_;
      if (found == nullptr && !more()) break;
    }
    if (too_large_) return stop_at_end("");
    const std::string_view line(buffer_.data() + keep_, found == nullptr
                                                            ? end_ - keep_
                                                            : static_cast<std::size_t>(found - buffer_.data() - keep_));
    const auto text = trimmed(after_byte_order_mark(trimmed(line)));
    const auto begin = text.empty() ? 0 : static_cast<std::size_t>(text.data() - buffer_.data());
    at_ = keep_ + line.size();
    const JsonPlace here{base_ + begin, line_};
    const auto length = value_length(text);
    if (!text.empty() && length < text.size()) {
      std::string what =
          "ends in the middle of a value (JSON lines hold one object per line; objects of several lines stand in an "
          "array)";
      if (length > 0) {
        const auto more = trimmed_left(text.substr(length));
        what = more.starts_with('\r') ? "ends its lines with carriage returns alone (convert it: tr '\\r' '\\n')"
                                      : "has more than one value on a line";
      }
      const bool kept = bad_lines_ && whole_line_ && (found != nullptr || length > 0);
      if (!kept) {
        at_ = length > 0 ? begin + length : at_;
        return stop(std::move(what));
      }
      fault_ = length > 0 ? "its line goes on after the object" : "its line ends in the middle of a value";
    } else {
      fault_.clear();
    }
    if (found != nullptr) step();
    if (text.empty()) continue;
    whole_line_ = true;
    place_ = here;
    value = text;
    return true;
  }
}

std::vector<JsonMember> members_of(std::string_view object) {
  std::vector<JsonMember> members;
  auto rest = trimmed(object);
  if (!rest.starts_with('{') || !rest.ends_with('}')) return {};
  rest.remove_prefix(1);
  while (true) {
    rest = trimmed(rest);
    if (rest == "}") return members;
    if (!members.empty()) {
      if (!rest.starts_with(',')) return {};
      rest = trimmed(rest.substr(1));
    }
    const auto key = rest.starts_with('"') ? value_length(rest) : 0;
    if (key == 0) return {};
    JsonMember member{rest.substr(1, key - 2), {}};
    rest = trimmed(rest.substr(key));
    if (!rest.starts_with(':')) return {};
    rest = trimmed(rest.substr(1));
    const auto value = value_length(rest);
    if (value == 0) return {};
    member.value = rest.substr(0, value);
    members.push_back(member);
    rest.remove_prefix(value);
  }
}

std::string with_member(std::string_view object, std::string_view added, const std::vector<std::string_view>& dropped) {
  std::string text = "{";
  text += added;
  bool first = added.empty();
  const auto members = members_of(object);
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (std::find(dropped.begin(), dropped.end(), members[i].key) != dropped.end()) continue;
    const char* begin = members[i].key.data() - 1;
    const char* end = members[i].value.data() + members[i].value.size();
    if (!first) text += ", ";
    text.append(begin, end);
    first = false;
  }
  return text + "}";
}

}  // namespace scalselect
