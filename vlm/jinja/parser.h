// Recursive descent over the tokens; parse() of syntax.h is its door.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "vlm/jinja/lexer.h"
#include "vlm/jinja/syntax.h"

namespace scalselect::vlm::jinja {

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  /// Statements up to a tag named in `ends` (whose name is then the current token), or up to the end of the template.
  NodePtr body(std::initializer_list<std::string_view> ends = {});

 private:
  // -- parser.cpp: tokens and statements.
  const Token& now() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  bool sees(std::string_view op) const { return now().kind == Token::Kind::kOperator && now().text == op; }
  bool sees_name(std::string_view name) const { return now().kind == Token::Kind::kName && now().text == name; }
  bool skip(std::string_view op);
  bool skip_name(std::string_view name);
  void expect(std::string_view op);
  void expect_name(std::string_view name);
  void expect(Token::Kind kind, const char* what);
  std::string take_name();
  [[noreturn]] void fail(const std::string& problem) const { fail_on_line(now().line, problem); }
  [[noreturn]] void fail_unexpected() const;
  /// A node with its children, at the current line.
  NodePtr make(Node::Kind kind, std::string text = {}) const;
  template <class... Kids>
  NodePtr make(Node::Kind kind, std::string text, NodePtr first, Kids... kids) const {
    auto node = make(kind, std::move(text));
    adopt(*node, std::move(first));
    (adopt(*node, std::move(kids)), ...);
    return node;
  }
  void adopt(Node& parent, NodePtr kid) const;
  void adopt_argument(Node& parent, std::string keyword, NodePtr argument) const;
  void note_depth(Node& parent, const NodePtr& kid) const;

  NodePtr statement();
  NodePtr block_body(std::initializer_list<std::string_view> ends);
  NodePtr finish(std::string_view end);
  NodePtr if_statement();
  NodePtr for_statement();
  NodePtr set_statement();
  NodePtr macro_statement();
  NodePtr call_statement();
  NodePtr filter_statement();
  NodePtr with_statement();
  NodePtr print_statement();
  void signature(Node& macro);
  NodePtr target(bool with_namespace);
  NodePtr target_part(bool with_namespace);

  // -- expressions.cpp
  NodePtr expression(bool with_condition = true);
  NodePtr tuple(bool with_condition = true, bool parentheses = false);
  NodePtr either();
  NodePtr both();
  NodePtr negation();
  NodePtr comparison();
  NodePtr sum();
  NodePtr concatenation();
  NodePtr product();
  NodePtr power();
  NodePtr unary(bool with_filters = true);
  NodePtr primary();
  NodePtr postfix(NodePtr node);
  NodePtr filters_and_tests(NodePtr node);
  NodePtr subscript(NodePtr node);
  NodePtr subscribed(NodePtr object);
  NodePtr call(NodePtr callee);
  NodePtr filter(NodePtr operand, bool inline_start = false);
  NodePtr test(NodePtr operand);
  NodePtr list_literal();
  NodePtr dict_literal();
  void arguments(Node& node);
  bool tuple_ends() const;

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  mutable int depth_ = 0;
};

}  // namespace scalselect::vlm::jinja
