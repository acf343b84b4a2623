// The grammar of values that overrides and interpolations share: quoted texts, lists, maps, and words in a row
// (hydra/grammar/OverrideParser.g4 and omegaconf/grammar/OmegaConfGrammarParser.g4).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "experiments/config/interpolation_parser.h"
#include "experiments/config/lexical.h"

namespace scalselect::config {

class ValueGrammar {
 public:
  explicit ValueGrammar(const std::string& text, std::size_t at = 0) : text_(text), at_(at) {}
  virtual ~ValueGrammar() = default;

 protected:
  // ---- what the two grammars do in their own way ----

  /// The refusal of the text at the place where the parser is.
  virtual UserError error(const std::string& reason) const = 0;
  /// `${…}`; nullopt if none begins here.
  virtual std::optional<Expression> interpolation() = 0;
  /// A text in quotes, which begins here.
  virtual Expression quoted() = 0;
  /// For nothing between two commas of a list.
  virtual Expression missing_element() = 0;
  /// Whether blanks at the end of the text do not belong to the last value.
  virtual bool trims_end() const = 0;
  virtual Expression element();

  // ---- what they share ----

  [[noreturn]] void fail(const std::string& reason) const { throw error(reason); }

  static Expression literal(Value value);
  static Expression text_literal(std::string text) { return literal(Value::string(std::move(text))); }

  /// Elements between commas, up to `close`.
  std::vector<Expression> sequence(char close);
  /// Words, numbers, escapes, colons and interpolations in a row; a single one keeps its type.
  Expression primitive(bool is_key);

  char look(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool done() const { return at_ >= text_.size(); }
  /// Number of blanks from here on.
  std::size_t blanks() const { return lexical::match_blank(text_, at_); }
  void skip_blanks() { at_ += blanks(); }
  /// Takes `symbol` with the blanks before it.
  void expect(char symbol);
  [[noreturn]] void unexpected(const std::string& what_is_missing) const;

  /// Counts what is open while it lives.
  struct Nested {
    explicit Nested(ValueGrammar& of);
    ~Nested() { --grammar.depth_; }
    ValueGrammar& grammar;
  };

  const std::string& text_;
  std::size_t at_;

 private:
  Expression list();
  Expression map();

  std::size_t depth_ = 0;
};

}  // namespace scalselect::config
