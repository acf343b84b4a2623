// How open answers are read and scored, by kind of answer and matcher (docs/benchmarks.md, "Open answers").
#pragma once

#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// What an open answer is compared with, and how.
enum class OpenAnswerKind {
  kTextVqa,   ///< soft accuracy over ten references, as TextVQA and VizWiz score it
  kVqa,       ///< soft accuracy, as VQAv2 scores it
  kExact,     ///< one short reference: GQA
  kRelaxed,   ///< numbers within 5 %: ChartQA
  kAnls,      ///< edit distance: DocVQA
  kContains,  ///< a reference is part of the answer: a user's own
  kYesNo,     ///< yes or no: a user's own
};

/// One entry of the table: references and an answer in the form in which they are compared, and the comparison.
struct AnswerRule {
  /// The question's references; a test set has none.
  std::vector<std::string> (*references)(const Question& question);
  std::string (*read)(const Question& question, const std::string& raw);
  /// 0..1; 0 without references.
  double (*score)(const std::vector<std::string>& references, const std::string& value);
};

/// kDefault is the rule that published numbers are made with. nullptr if the kind has no such matcher.
const AnswerRule* answer_rule(OpenAnswerKind kind, Matcher matcher);

/// The matchers that a kind has, its default first.
std::vector<Matcher> matchers_of(OpenAnswerKind kind);

}  // namespace scalselect::eval
