#include "eval/exchange/xml.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <stdexcept>

#include "core/utf8.h"

namespace scalselect::eval {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view local_name(std::string_view name) {
  const auto colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

[[noreturn]] void malformed(const char* reason) { throw std::invalid_argument(reason); }

}  // namespace

XmlReader::Event XmlReader::next() {
  if (closing_) {  // the second half of <a/>
    closing_ = false;
    open_.resize(open_.size() - name_.size() - 1);
    return Event::kClose;
  }
  while (at_ < text_.size()) {
    const auto rest = text_.substr(at_);
    if (rest.starts_with("<!--") || rest.starts_with("<?") ||
        (rest.starts_with("<!") && !rest.starts_with("<![CDATA["))) {
      const std::string_view end = rest.starts_with("<!--") ? "-->" : rest.starts_with("<?") ? "?>" : ">";
      const auto found = rest.find(end);
      if (found == std::string_view::npos) malformed("a comment or declaration does not end");
      at_ += found + end.size();
    } else if (rest.starts_with("<![CDATA[")) {
      const auto found = rest.find("]]>");
      if (found == std::string_view::npos) malformed("a CDATA section does not end");
      value_ = rest.substr(9, found - 9);
      at_ += found + 3;
      return Event::kText;
    } else if (rest[0] == '<') {
      return tag();
    } else {
      const auto end = std::min(rest.find('<'), rest.size());
      value_ = resolved(rest.substr(0, end));
      at_ += end;
      return Event::kText;
    }
  }
  if (!open_.empty()) malformed("it ends inside a tag");
  return Event::kEnd;
}

XmlReader::Event XmlReader::tag() {
  auto end = at_;
  for (char quote = 0; end < text_.size() && (quote != 0 || text_[end] != '>'); ++end) {  // a value may hold a '>'
    if (quote != 0) quote = text_[end] == quote ? '\0' : quote;
    else if (text_[end] == '"' || text_[end] == '\'') quote = text_[end];
  }
  if (end == text_.size()) malformed("it ends inside a tag");
  auto inside = text_.substr(at_ + 1, end - at_ - 1);
  at_ = end + 1;
  const bool closes = inside.starts_with('/');
  if (closes) inside.remove_prefix(1);
  const bool empty = inside.ends_with('/');
  if (empty) inside.remove_suffix(1);
  const auto blank = std::min(inside.find_first_of(kBlanks), inside.size());
  name_ = local_name(inside.substr(0, blank));
  attributes_ = inside.substr(blank);
  if (name_.empty()) malformed("a tag has no name");
  if (!closes) {
    open_ += name_ + '/';
    closing_ = empty;
    return Event::kOpen;
  }
  if (!("/" + open_).ends_with("/" + name_ + "/")) malformed("a tag closes that is not open");
  open_.resize(open_.size() - name_.size() - 1);
  return Event::kClose;
}

std::string XmlReader::attribute(std::string_view name) const {
  for (auto rest = attributes_; !rest.empty();) {
    const auto begin = rest.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) break;
    rest.remove_prefix(begin);
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos || equals == 0) malformed("an attribute has no value");
    const auto key = rest.substr(0, rest.find_last_not_of(kBlanks, equals - 1) + 1);
    rest.remove_prefix(equals + 1);
    const auto quote = rest.find_first_not_of(kBlanks);
    if (quote == std::string_view::npos || (rest[quote] != '"' && rest[quote] != '\'')) {
      malformed("an attribute's value is not quoted");
    }
    const auto end = rest.find(rest[quote], quote + 1);
    if (end == std::string_view::npos) malformed("an attribute's value does not end");
    if (local_name(key) == name) return resolved(rest.substr(quote + 1, end - quote - 1));
    rest.remove_prefix(end + 1);
  }
  return {};
}

std::string XmlReader::resolved(std::string_view raw) {
  std::string text;
  while (!raw.empty()) {
    const auto begin = std::min(raw.find('&'), raw.size());
    text += raw.substr(0, begin);
    raw.remove_prefix(begin);
    if (raw.empty()) break;
    const auto end = raw.find(';');
    if (end == std::string_view::npos) malformed("an entity does not end");
    const auto entity = raw.substr(1, end - 1);
    raw.remove_prefix(end + 1);
    if (entity == "amp") text += '&';
    else if (entity == "lt") text += '<';
    else if (entity == "gt") text += '>';
    else if (entity == "quot") text += '"';
    else if (entity == "apos") text += '\'';
    else if (entity.starts_with('#')) {
      const bool hex = entity.size() > 1 && (entity[1] == 'x' || entity[1] == 'X');
      const auto digits = entity.substr(hex ? 2 : 1);
      std::uint32_t point = 0;
      const auto [stop, code] = std::from_chars(digits.data(), digits.data() + digits.size(), point, hex ? 16 : 10);
      if (code != std::errc() || stop != digits.data() + digits.size()) malformed("an entity is not known");
      if (!is_scalar_value(point)) malformed("an entity is not a character");
      append_utf8(text, point);
    } else {
      malformed("an entity is not known");
    }
  }
  return text;
}

}  // namespace scalselect::eval
