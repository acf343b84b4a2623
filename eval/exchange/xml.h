// The XML of office files, read as a stream of tags and texts.
#pragma once

#include <string>
#include <string_view>

namespace scalselect::eval {

/// Reads tags and texts one after another. Comments, processing instructions and declarations are skipped; name
/// prefixes
/// ("x:row") are dropped; entities and CDATA are resolved, white space is kept. It is not a validating parser: what it
/// needs to know (whether tags close in order) it checks.
class XmlReader {
 public:
  enum class Event { kOpen, kClose, kText, kEnd };

  /// `text` must outlive the reader.
  explicit XmlReader(std::string_view text) : text_(text) {}

  /// The next event. `<a/>` is an opening and a closing. Throws std::invalid_argument with a short reason.
  Event next();
  const std::string& name() const { return name_; }   ///< of the tag of the last kOpen or kClose
  const std::string& text() const { return value_; }  ///< of the last kText
  /// An attribute of the last kOpen, without regard to its prefix; empty if there is none.
  std::string attribute(std::string_view name) const;

 private:
  Event tag();
  static std::string resolved(std::string_view raw);

  std::string_view text_, attributes_;
  std::size_t at_ = 0;
  std::string name_, value_;
  std::string open_;  ///< names of open tags, each followed by '/'
  bool closing_ = false;
};

}  // namespace scalselect::eval
