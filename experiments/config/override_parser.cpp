// One command-line word: its key, then its value.
#include <algorithm>
#include <string_view>
#include <utility>

#include "experiments/config/override.h"
#include "experiments/config/override_functions.h"
#include "experiments/config/quoting.h"
#include "experiments/config/value_grammar.h"

namespace scalselect::config {
namespace {

UserError word_error(const std::string& word, std::size_t at, const std::string& reason) {
  constexpr std::size_t kShown = 200;  // bytes of a long word: those around `at`
  at = std::min(at, word.size());
  const std::size_t begin = word.size() <= kShown || at < kShown / 2 ? 0 : at - kShown / 2;
  const auto cut = [&](std::size_t from) {
    return word.size() - from <= kShown ? word.substr(from) : word.substr(from, kShown) + "…";
  };
  return UserError(ErrorKind::kUsage, "Error parsing override '" + cut(0) + "'\n" + reason + "\n  " + cut(begin) +
                                          "\n  " + std::string(at - begin, ' ') + "^");
}

class OverrideValue : ValueGrammar {
 public:
  using ValueGrammar::ValueGrammar;

  Argument parse() {
    Argument first = argument();
    if (done()) return first;
    std::vector<Argument> elements{std::move(first)};
    while (look(blanks()) == ',') {
      expect(',');
      skip_blanks();
      elements.push_back(argument());
    }
    if (!done()) unexpected("");
    return simple_choice(std::move(elements));
  }

 private:
  UserError error(const std::string& reason) const override { return word_error(text_, at_, reason); }
  bool trims_end() const override { return true; }
  Expression missing_element() override { fail("a value is missing"); }

  /// Kept as text, up to the next brace.
  std::optional<Expression> interpolation() override {
    const auto close = text_.find('}', at_);
    if (text_.compare(at_, 2, "${") != 0 || close == std::string::npos || close == at_ + 2) return std::nullopt;
    const std::size_t start = std::exchange(at_, close + 1);
    return text_literal(text_.substr(start, at_ - start));
  }

  Expression quoted() override {
    const std::size_t length = match_quoted(text_, at_);
    if (!length) fail("the quote is not closed");
    Expression result = text_literal(unquote(text_.substr(at_, length)));
    result.value.set_quote(look());
    at_ += length;
    return result;
  }

  /// Hydra accepts a sweep inside a list and fails on it later; here it is refused at once.
  Expression element() override {
    Argument result = argument();
    if (result.is_sweep()) fail("a list or a dict cannot hold a sweep");
    return literal(std::move(result.value));
  }

  Argument argument() {
    if (name_before('(')) return function();
    Argument result;
    result.value = ValueGrammar::element().value;
    return result;
  }

  /// Length of the name that begins here, if `symbol` follows it; else 0.
  std::size_t name_before(char symbol) const {
    const std::size_t name = lexical::match_id(text_, at_);
    return look(name + lexical::match_blank(text_, at_ + name)) == symbol ? name : 0;
  }

  /// Takes a name and the symbol after it.
  std::string take_name(char symbol) {
    const std::size_t start = at_;
    at_ += lexical::match_id(text_, at_);
    std::string name = text_.substr(start, at_ - start);
    expect(symbol);
    skip_blanks();
    return name;
  }

  Argument function() {
    const Nested nested(*this);
    const std::size_t start = at_;
    FunctionCall call{take_name('('), {}, {}};
    for (bool first = true; look(blanks()) != ')'; first = false) {
      if (!first) expect(',');
      skip_blanks();
      if (name_before('=')) {
        std::string name = take_name('=');
        call.named.emplace_back(std::move(name), argument());
      } else if (!call.named.empty()) {
        fail("positional argument follows keyword argument");
      } else {
        call.positional.push_back(argument());
      }
    }
    expect(')');
    try {
      return call_function(std::move(call));
    } catch (const UserError& error) {
      throw word_error(text_, start, "while evaluating '" + text_.substr(start, at_ - start) + "': " + error.what());
    }
  }
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_key_char(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$') return true;
  return !first && (is_digit(c) || c == '-');
}

/// One step of a dotted key: a name that may hold '$', or a list position without leading zeros.
std::size_t match_step(const std::string& word, std::size_t at) {
  std::size_t end = at;
  while (end < word.size() && is_key_char(word[end], end == at)) ++end;
  return end > at ? end - at : lexical::match_unsigned(word, at);
}

/// KEY_SPECIAL or DOT_PATH; 0 for the empty package.
std::size_t match_package(const std::string& word, std::size_t start) {
  std::size_t at = start;
  std::size_t steps = 0;
  while (true) {
    const std::size_t length = match_step(word, at);
    if (!length) break;
    at += length;
    ++steps;
    if (at + 1 >= word.size() || word[at] != '.' || !match_step(word, at + 1)) break;
    ++at;
  }
  return steps == 1 && is_digit(word[start]) ? 0 : at - start;
}

/// A group path "a/b/c", or a package.
std::size_t match_key(const std::string& word, std::size_t start) {
  std::size_t at = start + lexical::match_id(word, start);
  std::size_t slashes = 0;
  while (at > start && at < word.size() && word[at] == '/') {
    const std::size_t length = lexical::match_id(word, at + 1);
    if (!length) break;
    at += 1 + length;
    ++slashes;
  }
  return slashes ? at - start : match_package(word, start);
}

std::string_view prefix(OverrideType type) {
  constexpr std::string_view prefixes[] = {"", "+", "++", "~"};
  return prefixes[static_cast<int>(type)];
}

}  // namespace

std::string Override::full_key() const { return package ? key + "@" + *package : key; }

std::string Override::key_element() const { return std::string(prefix(type)) + full_key(); }

Override parse_override(const std::string& text) {
  Override result;
  result.text = text;
  std::size_t at = 0;
  for (const auto type : {OverrideType::kForceAdd, OverrideType::kAdd, OverrideType::kDelete}) {
    if (at > 0 || !text.starts_with(prefix(type))) continue;
    result.type = type;
    at = prefix(type).size();
  }
  const std::size_t key = match_key(text, at);
  result.key = text.substr(at, key);
  at += key;
  if (at < text.size() && text[at] == '@') {
    const std::size_t package = match_package(text, at + 1);
    result.package = text.substr(at + 1, package);
    at += 1 + package;
  }
  const auto steps = std::count_if(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at),
                                   [](char c) { return c == '.' || c == '/'; });
  if (static_cast<std::size_t>(steps) >= kMaxDepth) {
    throw word_error(text, 0, "a key has at most " + std::to_string(kMaxDepth) + " steps");
  }
  if (at == text.size()) {
    if (result.type == OverrideType::kDelete) return result;
    throw word_error(text, at, "missing '=' at the end: an override is key=value");
  }
  if (text[at] != '=') {
    throw word_error(text, at, "unexpected '" + text.substr(at, 1) + "' in the key, '=' is expected");
  }
  ++at;
  at += lexical::match_blank(text, at);
  result.has_value = true;
  if (at == text.size()) {
    result.value = Value::string("");
    return result;
  }
  Argument value = OverrideValue(text, at).parse();
  result.value = std::move(value.value);
  result.value.set_origin_deep({"the override '" + text + "'", 0});
  result.sweep = std::move(value.sweep);
  return result;
}

std::vector<Override> parse_overrides(const std::vector<std::string>& texts) {
  std::vector<Override> result;
  for (const auto& text : texts) result.push_back(parse_override(text));
  return result;
}

}  // namespace scalselect::config
