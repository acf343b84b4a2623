// Scores of open answers, from 0 to 1 (docs/benchmarks.md, "Open answers").
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace scalselect::eval {

/// How a harness averages the ten accuracies of an answer. The three differ in the last bit only, which is kept so that
/// scores can be compared for equality.
enum class Averaging {
  kRunning,   ///< sum() / len(): the official evaluation and LLaVA
  kExact,     ///< statistics.mean: lmms-eval
  kPairwise,  ///< numpy.mean: VLMEvalKit
};

/// Soft accuracy of `value` among the references, each compared as it is: the mean over the references of
/// min(1, (number of *other* references equal to value) / 3). 0 without references; a single one always gives 0.
double soft_accuracy(std::span<const std::string> references, std::string_view value, Averaging averaging);

/// Average normalised Levenshtein similarity with threshold 0.5: 1 - min over references of distance / length, 0 below
/// one half. The distance is between both texts in lower case with single blanks, the length that of the longer text as
/// given, in code points of its upper case; two empty texts are equal. 0 without references.
double anls(std::span<const std::string> references, std::string_view value);

/// Whether two texts are the same number within 5 % of `target` (x% is x / 100), or, unless both are numbers and the
/// target is not 0, the same text in lower case.
bool relaxed_match(std::string_view target, std::string_view prediction);

/// float(text) of Python: blanks around it, underscores between digits, exponents, inf, nan, digits of any script.
std::optional<double> python_float(std::string_view text);

}  // namespace scalselect::eval
