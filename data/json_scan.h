// Where the values of a JSON array, or of JSON lines, begin and end, without parsing them. The text comes in pieces, so
// that memory holds one value at a time; a byte order mark before it is skipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect {

enum class JsonLayout { kArray, kLines };

/// A position in a text.
struct JsonPlace {
  std::uint64_t byte = 0;
  std::int64_t line = 1;
};

/// Why and where a scan stopped before the end.
struct JsonScanError {
  std::string what;  ///< empty: the text is complete
  JsonPlace place;
};

/// `text` without the byte order mark that some programs write before UTF-8.
std::string_view after_byte_order_mark(std::string_view text);

/// The values of a text one after another. Only the balance of brackets and strings is checked: a parser reads each
/// value afterwards. Of an array, text after the closing bracket, a missing comma or an end in the middle is an error;
/// of lines, a line that does not hold exactly one value. Blank lines are skipped, and so are byte order marks that
/// lines begin with, which files that were put together from others have.
class JsonValues {
 public:
  /// Up to `size` bytes of the text; 0 only at its end.
  using Read = std::function<std::size_t(char* to, std::size_t size)>;

  /// `from`: where the text that `read` gives begins; but for the beginning that must be where a value begins.
  /// `bad_lines`: of lines, one that does not hold exactly one value is given with its fault() and is no error, except
  /// for the first one (then these are no JSON lines) and a last one that is cut short.
  JsonValues(Read read, JsonLayout layout, JsonPlace from = {}, bool bad_lines = false);
  /// Of a text in memory, which must stay as long as this.
  JsonValues(std::string_view text, JsonLayout layout);

  /// The next value, valid until the next call; false at the end or at an error.
  bool next(std::string_view& value);
  /// Where the last value begins.
  const JsonPlace& place() const { return place_; }
  /// Why the last line holds none, "its line ends in the middle of a value"; empty: it does.
  const std::string& fault() const { return fault_; }
  const JsonScanError& error() const { return error_; }

  /// A value of more bytes is an error.
  static constexpr std::size_t kValueBytes = std::size_t{256} << 20;

 private:
  bool more();  ///< at least one more byte; false at the end
  bool at_end() { return at_ == end_ && !more(); }
  char peek() const { return buffer_[at_]; }
  void step();
  void skip_blanks();
  bool begin_array();
  bool next_of_array(std::string_view& value);
  bool next_line(std::string_view& value);
  bool stop(std::string what);
  bool stop_at_end(const char* what);
  JsonPlace here() const { return {base_ + at_, line_}; }

  Read read_;
  JsonLayout layout_;
  std::string buffer_;
  std::size_t keep_ = 0, at_ = 0, end_ = 0;  ///< in the buffer: kept from, scanned up to, filled up to
  std::uint64_t base_;                       ///< of the buffer's first byte
  std::int64_t line_;
  bool begun_, comma_, done_ = false, too_large_ = false;
  bool bad_lines_, whole_line_;  ///< whether a whole line was seen
  std::string fault_;
  JsonPlace place_;
  JsonScanError error_;
};

/// The top-level members of a JSON object, as written.
struct JsonMember {
  std::string_view key;  ///< without quotes, escapes as written
  std::string_view value;
};

/// Those of `object`, in their order; empty if it is not an object with balanced brackets and strings.
std::vector<JsonMember> members_of(std::string_view object);

/// The object with `added` ("\"key\": value", or nothing) as its first member and without the members of the given
/// keys; everything else stays as written.
std::string with_member(std::string_view object, std::string_view added, const std::vector<std::string_view>& dropped);

}  // namespace scalselect
