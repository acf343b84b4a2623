#include "vlm/jinja/parser.h"

#include <algorithm>

namespace scalselect::vlm::jinja {

using Kind = Node::Kind;

bool Parser::skip(std::string_view op) {
  if (!sees(op)) return false;
  ++at_;
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!sees_name(name)) return false;
  ++at_;
  return true;
}

void Parser::fail_unexpected() const {
  switch (now().kind) {
    case Token::Kind::kEnd: fail("the template ends in the middle of a statement");
    case Token::Kind::kBlockEnd:
    case Token::Kind::kVariableEnd: fail("a tag ends too early");
    case Token::Kind::kString: fail("a text in quotation marks is not expected here");
    default: fail("'" + now().text + "' is not expected here");
  }
}

void Parser::expect(std::string_view op) {
  if (!skip(op)) fail_unexpected();
}

void Parser::expect_name(std::string_view name) {
  if (!skip_name(name)) fail_unexpected();
}

void Parser::expect(Token::Kind kind, const char* what) {
  if (now().kind != kind) {
    if (now().kind == Token::Kind::kEnd) fail("the template ends in the middle of a statement");
    fail("'" + now().text + "' is not expected before " + what);
  }
  ++at_;
}

std::string Parser::take_name() {
  if (now().kind != Token::Kind::kName) fail_unexpected();
  return tokens_[at_++].text;
}

NodePtr Parser::make(Kind kind, std::string text) const {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->line = now().line;
  node->text = std::move(text);
  return node;
}

void Parser::note_depth(Node& parent, const NodePtr& kid) const {
  if (!kid) return;
  parent.depth = std::max(parent.depth, kid->depth + 1);
  if (parent.depth > kMostDepth) fail("it is nested more than " + std::to_string(kMostDepth) + " levels deep");
}

void Parser::adopt(Node& parent, NodePtr kid) const {
  note_depth(parent, kid);
  parent.kids.push_back(std::move(kid));
}

void Parser::adopt_argument(Node& parent, std::string keyword, NodePtr argument) const {
  note_depth(parent, argument);
  parent.keywords.push_back(std::move(keyword));
  parent.defaults.push_back(std::move(argument));
}

NodePtr Parser::body(std::initializer_list<std::string_view> ends) {
  const Level level(depth_);
  auto all = make(Kind::kBody);
  while (now().kind != Token::Kind::kEnd) {
    switch (now().kind) {
      case Token::Kind::kData: {
        auto data = make(Kind::kData, now().text);
        ++at_;
        adopt(*all, std::move(data));
        break;
      }
      case Token::Kind::kVariableBegin: {
        ++at_;
        auto value = tuple();
        adopt(*all, make(Kind::kOutput, "", std::move(value)));
        expect(Token::Kind::kVariableEnd, "'}}'");
        break;
      }
      case Token::Kind::kBlockBegin:
        ++at_;
        if (now().kind == Token::Kind::kName && std::find(ends.begin(), ends.end(), now().text) != ends.end()) {
          return all;
        }
        adopt(*all, statement());
        expect(Token::Kind::kBlockEnd, "'%}'");
        break;
      default: fail_unexpected();
    }
  }
  if (ends.size() > 0) fail("the template ends without {% " + std::string(*(ends.end() - 1)) + " %}");
  return all;
}

NodePtr Parser::block_body(std::initializer_list<std::string_view> ends) {
  skip(":");
  expect(Token::Kind::kBlockEnd, "'%}'");
  return body(ends);
}

NodePtr Parser::finish(std::string_view end) {
  auto inner = block_body({end});
  ++at_;
  return inner;
}

NodePtr Parser::statement() {
  const auto name = take_name();
  if (name == "if") return if_statement();
  if (name == "for") return for_statement();
  if (name == "set") return set_statement();
  if (name == "macro") return macro_statement();
  if (name == "call") return call_statement();
  if (name == "filter") return filter_statement();
  if (name == "with") return with_statement();
  if (name == "print") return print_statement();
  if (name == "generation") return make(Kind::kGeneration, "", finish("endgeneration"));
  if (name == "break") return make(Kind::kBreak);
  if (name == "continue") return make(Kind::kContinue);
  for (const auto* other : {"block", "extends", "include", "import", "from", "autoescape"}) {
    if (name == other) fail("{% " + name + " %} is not supported");
  }
  fail("there is no tag {% " + name + " %}");
}

NodePtr Parser::if_statement() {
  auto node = make(Kind::kIf);
  while (true) {
    adopt(*node, tuple(/*with_condition=*/false));
    adopt(*node, block_body({"elif", "else", "endif"}));
    if (!skip_name("elif")) break;
  }
  if (skip_name("else")) adopt(*node, finish("endif"));
  else expect_name("endif");
  return node;
}

NodePtr Parser::for_statement() {
  auto node = make(Kind::kFor);
  adopt(*node, target(/*with_namespace=*/false));
  expect_name("in");
  adopt(*node, tuple(/*with_condition=*/false));
  adopt(*node, skip_name("if") ? expression() : nullptr);
  if (sees_name("recursive")) fail("a recursive loop is not supported");
  adopt(*node, block_body({"else", "endfor"}));
  if (skip_name("else")) adopt(*node, finish("endfor"));
  else ++at_;
  return node;
}

NodePtr Parser::set_statement() {
  auto to = target(/*with_namespace=*/true);
  if (skip("=")) {
    auto value = tuple();
    return make(Kind::kSet, "", std::move(to), std::move(value));
  }
  auto through = sees("|") ? filter(nullptr) : nullptr;
  auto inner = finish("endset");
  return make(Kind::kSetBlock, "", std::move(to), std::move(through), std::move(inner));
}

void Parser::signature(Node& macro) {
  expect("(");
  while (!sees(")")) {
    if (!macro.names.empty()) expect(",");
    macro.names.push_back(take_name());
    if (skip("=")) {
      auto value = expression();
      note_depth(macro, value);
      macro.defaults.push_back(std::move(value));
    } else if (!macro.defaults.empty()) {
      fail("a parameter without a default follows one with a default");
    }
  }
  expect(")");
}

NodePtr Parser::macro_statement() {
  auto node = make(Kind::kMacro, take_name());
  signature(*node);
  adopt(*node, finish("endmacro"));
  return node;
}

NodePtr Parser::call_statement() {
  auto macro = make(Kind::kMacro, "caller");
  if (sees("(")) signature(*macro);
  auto callee = expression();
  if (callee->kind != Kind::kCall) fail("{% call %} needs a call");
  adopt(*macro, finish("endcall"));
  return make(Kind::kCallBlock, "", std::move(callee), std::move(macro));
}

NodePtr Parser::filter_statement() {
  auto through = filter(nullptr, /*inline_start=*/true);
  auto inner = finish("endfilter");
  return make(Kind::kFilterBlock, "", std::move(through), std::move(inner));
}

NodePtr Parser::with_statement() {
  auto node = make(Kind::kWith);
  node->kids.emplace_back();
  while (now().kind != Token::Kind::kBlockEnd) {
    if (node->kids.size() > 1) expect(",");
    adopt(*node, target(/*with_namespace=*/false));
    expect("=");
    adopt(*node, expression());
  }
  auto inner = finish("endwith");
  note_depth(*node, inner);
  node->kids[0] = std::move(inner);
  return node;
}

NodePtr Parser::print_statement() {
  auto all = make(Kind::kBody);
  while (now().kind != Token::Kind::kBlockEnd) {
    if (!all->kids.empty()) expect(",");
    auto value = expression();
    adopt(*all, make(Kind::kOutput, "", std::move(value)));
  }
  return all;
}

NodePtr Parser::target_part(bool with_namespace) {
  if (skip("(")) {
    auto inner = target(false);
    expect(")");
    return inner;
  }
  auto name = take_name();
  for (const auto* constant : {"true", "false", "none", "True", "False", "None"}) {
    if (name == constant) fail("'" + name + "' cannot be assigned to");
  }
  if (!with_namespace || !skip(".")) return make(Kind::kName, std::move(name));
  auto object = make(Kind::kName, std::move(name));
  return make(Kind::kAttribute, take_name(), std::move(object));
}

NodePtr Parser::target(bool with_namespace) {
  const Level level(depth_);
  auto first = target_part(with_namespace);
  if (!sees(",")) return first;
  auto all = make(Kind::kTuple, "", std::move(first));
  while (skip(",")) {
    if (now().kind != Token::Kind::kName && !sees("(")) break;
    if (sees_name("in")) break;
    adopt(*all, target_part(with_namespace));
  }
  return all;
}

NodePtr parse(std::string_view source) { return Parser(tokenize(source)).body(); }

}  // namespace scalselect::vlm::jinja
