// Which rules read which kind of answer: one table (docs/benchmarks.md, "Matchers").
#pragma once

#include <span>
#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// What an answer is to be read as. Harnesses have rules of their own for some benchmarks.
enum class AnswerKind {
  kOption,         ///< a letter, in a benchmark without rules of its own
  kMmBenchOption,  ///< a letter of MMBench
  kAi2dOption,     ///< a letter of AI2D
  kAi2dText,       ///< the text of one of AI2D's options, where the prompt shows no letters
  kScienceQaOption,
  kSeedOption,  ///< a letter of SEED-Bench
  kPopeYesNo,
  kMmeYesNo,
  kOcrText,  ///< any text that holds an accepted answer
};

/// What becomes of POPE's unreadable answers in the counts of its measures. They are never right.
enum class Unreadable {
  kIsNotYes,  ///< a miss where the truth is yes, a true negative where it is no (VLMEvalKit)
  kIsLeftOut  ///< in none of the four counts; the share of yes is the labels' (lmms-eval)
};

/// A named, versioned way of reading answers of one kind.
struct MatcherRule {
  Matcher matcher;
  AnswerKind kind;
  Parsed (*read)(const Question& question, const std::string& raw);
  const char* source;  ///< whose rule it is, with the commit that brought it
  Unreadable unreadable = Unreadable::kIsNotYes;
};

/// "vk-2026", …: the name in BenchmarkOptions.
const char* matcher_name(Matcher matcher);

/// Throws UserError(kUsage): `benchmark` has no rules of that name, but those that are `known`.
[[noreturn]] void refuse_matcher(const std::string& benchmark, Matcher matcher, const std::vector<Matcher>& known);

/// The rules for a kind, its default first.
std::vector<Matcher> matchers_of(AnswerKind kind);

/// The rule itself. kDefault is official where the kind has such a rule and vk-2026 where it has not, but vk-2026 for
/// ScienceQA. Throws UserError(kUsage), naming those that there are, if the kind has no such rule.
const MatcherRule& matcher_rule(AnswerKind kind, Matcher matcher);

}  // namespace scalselect::eval
