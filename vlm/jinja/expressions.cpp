#include <algorithm>

#include "vlm/jinja/parser.h"

namespace scalselect::vlm::jinja {

using Kind = Node::Kind;

NodePtr Parser::expression(bool with_condition) {
  const Level level(depth_);
  auto node = either();
  while (with_condition && skip_name("if")) {
    auto condition = either();
    auto other = skip_name("else") ? expression() : nullptr;
    node = make(Kind::kCondition, "", std::move(condition), std::move(node), std::move(other));
  }
  return node;
}

bool Parser::tuple_ends() const {
  return now().kind == Token::Kind::kVariableEnd || now().kind == Token::Kind::kBlockEnd || sees(")") ||
         sees_name("recursive");
}

NodePtr Parser::tuple(bool with_condition, bool parentheses) {
  auto all = make(Kind::kTuple);
  if (parentheses && tuple_ends()) return all;
  auto first = expression(with_condition);
  if (!sees(",")) return first;
  adopt(*all, std::move(first));
  while (skip(",") && !tuple_ends()) adopt(*all, expression(with_condition));
  return all;
}

NodePtr Parser::either() {
  auto node = both();
  while (skip_name("or")) {
    auto right = both();
    node = make(Kind::kBinary, "or", std::move(node), std::move(right));
  }
  return node;
}

NodePtr Parser::both() {
  auto node = negation();
  while (skip_name("and")) {
    auto right = negation();
    node = make(Kind::kBinary, "and", std::move(node), std::move(right));
  }
  return node;
}

NodePtr Parser::negation() {
  const Level level(depth_);
  if (!skip_name("not")) return comparison();
  auto operand = negation();
  return make(Kind::kUnary, "not", std::move(operand));
}

NodePtr Parser::comparison() {
  auto node = sum();
  NodePtr all;
  while (true) {
    std::string op;
    for (const auto* known : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (op.empty() && skip(known)) op = known;
    }
    if (op.empty() && skip_name("in")) op = "in";
    if (op.empty() && sees_name("not") && ahead().kind == Token::Kind::kName && ahead().text == "in") {
      at_ += 2;
      op = "not in";
    }
    if (op.empty()) return all ? std::move(all) : std::move(node);
    if (!all) all = make(Kind::kCompare, "", std::move(node));
    all->names.push_back(op);
    adopt(*all, sum());
  }
}

NodePtr Parser::sum() {
  auto node = concatenation();
  while (sees("+") || sees("-")) {
    const auto op = tokens_[at_++].text;
    auto right = concatenation();
    node = make(Kind::kBinary, op, std::move(node), std::move(right));
  }
  return node;
}

NodePtr Parser::concatenation() {
  auto node = product();
  if (!sees("~")) return node;
  auto all = make(Kind::kConcat, "", std::move(node));
  while (skip("~")) adopt(*all, product());
  return all;
}

NodePtr Parser::product() {
  auto node = power();
  while (sees("*") || sees("/") || sees("//") || sees("%")) {
    const auto op = tokens_[at_++].text;
    auto right = power();
    node = make(Kind::kBinary, op, std::move(node), std::move(right));
  }
  return node;
}

NodePtr Parser::power() {
  auto node = unary();
  while (skip("**")) {
    auto right = unary();
    node = make(Kind::kBinary, "**", std::move(node), std::move(right));
  }
  return node;
}

NodePtr Parser::unary(bool with_filters) {
  const Level level(depth_);
  NodePtr node;
  if (sees("-") || sees("+")) {
    const auto op = tokens_[at_++].text;
    auto operand = unary(false);
    node = make(Kind::kUnary, op, std::move(operand));
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return with_filters ? filters_and_tests(std::move(node)) : std::move(node);
}

NodePtr Parser::primary() {
  auto node = make(Kind::kLiteral);
  const auto& token = now();
  if (token.kind == Token::Kind::kName) {
    ++at_;
    if (token.text == "true" || token.text == "True") node->value = true;
    else if (token.text == "false" || token.text == "False") node->value = false;
    else if (token.text != "none" && token.text != "None") {
      node->kind = Kind::kName;
      node->text = token.text;
    }
  } else if (token.kind == Token::Kind::kString) {
    std::string text;
    for (; now().kind == Token::Kind::kString; ++at_) text += now().value.string();
    node->value = std::move(text);
  } else if (token.kind == Token::Kind::kNumber) {
    node->value = token.value;
    ++at_;
  } else if (skip("(")) {
    node = tuple(true, /*parentheses=*/true);
    expect(")");
  } else if (skip("[")) {
    return list_literal();
  } else if (skip("{")) {
    return dict_literal();
  } else {
    fail_unexpected();
  }
  return node;
}

NodePtr Parser::list_literal() {
  auto node = make(Kind::kList);
  while (!sees("]")) {
    if (!node->kids.empty()) expect(",");
    if (sees("]")) break;
    adopt(*node, expression());
  }
  expect("]");
  return node;
}

NodePtr Parser::dict_literal() {
  auto node = make(Kind::kDict);
  while (!sees("}")) {
    if (!node->kids.empty()) expect(",");
    if (sees("}")) break;
    adopt(*node, expression());
    expect(":");
    adopt(*node, expression());
  }
  expect("}");
  return node;
}

NodePtr Parser::postfix(NodePtr node) {
  while (true) {
    if (sees(".") || sees("[")) node = subscript(std::move(node));
    else if (sees("(")) node = call(std::move(node));
    else return node;
  }
}

NodePtr Parser::filters_and_tests(NodePtr node) {
  while (true) {
    if (sees("|")) node = filter(std::move(node));
    else if (sees_name("is")) node = test(std::move(node));
    else if (sees("(")) node = call(std::move(node));
    else return node;
  }
}

NodePtr Parser::subscript(NodePtr node) {
  if (skip(".")) {
    if (now().kind == Token::Kind::kName) return make(Kind::kAttribute, take_name(), std::move(node));
    if (now().kind != Token::Kind::kNumber || !now().value.is_integer()) fail_unexpected();
    auto index = primary();
    return make(Kind::kItem, "", std::move(node), std::move(index));
  }
  expect("[");
  node = subscribed(std::move(node));
  if (sees(",")) {
    if (node->kind == Kind::kSlice) fail("a slice of several parts is not supported");
    auto parts = make(Kind::kTuple, "", std::move(node->kids[1]));
    while (skip(",")) adopt(*parts, expression());
    note_depth(*node, parts);
    node->kids[1] = std::move(parts);
  }
  expect("]");
  return node;
}

NodePtr Parser::subscribed(NodePtr object) {
  NodePtr part[3];
  const auto ends = [&] { return sees("]") || sees(","); };
  if (!sees(":")) {
    part[0] = expression();
    if (!sees(":")) return make(Kind::kItem, "", std::move(object), std::move(part[0]));
  }
  expect(":");
  if (!ends() && !sees(":")) part[1] = expression();
  if (skip(":") && !ends()) part[2] = expression();
  return make(Kind::kSlice, "", std::move(object), std::move(part[0]), std::move(part[1]), std::move(part[2]));
}

void Parser::arguments(Node& node) {
  expect("(");
  bool spread = false, named = false;
  while (!sees(")")) {
    if (!node.keywords.empty()) expect(",");
    if (sees(")")) break;
    if (sees("*") || sees("**")) {
      const auto stars = tokens_[at_++].text;
      adopt_argument(node, stars, expression());
      spread = true;
    } else if (now().kind == Token::Kind::kName && ahead().kind == Token::Kind::kOperator && ahead().text == "=") {
      auto keyword = take_name();
      ++at_;
      adopt_argument(node, std::move(keyword), expression());
      named = true;
    } else {
      if (spread || named) fail("an argument by position follows one by name");
      adopt_argument(node, "", expression());
    }
  }
  expect(")");
}

NodePtr Parser::call(NodePtr callee) {
  auto node = make(Kind::kCall, "", std::move(callee));
  arguments(*node);
  return node;
}

NodePtr Parser::filter(NodePtr operand, bool inline_start) {
  while (inline_start || skip("|")) {
    inline_start = false;
    auto node = make(Kind::kFilter, take_name(), std::move(operand));
    if (sees("(")) arguments(*node);
    operand = std::move(node);
  }
  return operand;
}

NodePtr Parser::test(NodePtr operand) {
  expect_name("is");
  const bool negated = skip_name("not");
  auto node = make(Kind::kTest, take_name(), std::move(operand));
  node->flag = negated;
  const bool named = now().kind == Token::Kind::kName && !sees_name("else") && !sees_name("or") && !sees_name("and");
  if (sees("(")) {
    arguments(*node);
  } else if (named || now().kind == Token::Kind::kString || now().kind == Token::Kind::kNumber || sees("[") ||
             sees("{")) {
    if (sees_name("is")) fail("tests cannot be chained with 'is'");
    adopt_argument(*node, "", postfix(primary()));
  }
  return node;
}

}  // namespace scalselect::vlm::jinja
