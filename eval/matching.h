// Reading a label or a yes/no out of a free answer, by the rules of the public harnesses (docs/benchmarks.md,
// "Matchers").
//
// The rules are followed to the letter, oddities included: otherwise scores would not be comparable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eval/question.h"

namespace scalselect::eval {

/// Versions of VLMEvalKit's option inference, by the year in which they came.
enum class OptionRules { kVk2024, kVk2025, kVk2026 };

/// VLMEvalKit's `can_infer` without a judge. value: a label of `options`, "Z" for a refusal, or empty.
/// rule: "option", "refusal", "regex", "text" or "none".
Parsed infer_option(const std::string& answer, const std::vector<Option>& options, OptionRules rules);

/// LLaVA's ScienceQA script (eval_science_qa.py): exactly one letter, or "X. …", or a single "The answer is X.".
Parsed scienceqa_option(const std::string& answer, const std::vector<Option>& options);

/// This project's: a lone letter of any case with punctuation around it (full-width too), "X. …" / "X) …" / "X: …", a
/// letter after "answer is" / "answer:" / 答案是 / 答案： / 选, or the full text of exactly one option. Nothing is
/// found inside words.
Parsed strict_option(const std::string& answer, const std::vector<Option>& options);

/// POPE's own rule, also LLaVA's: "No", "not" or "no" among the words before the first period is "no",
/// everything else "yes".
Parsed pope_yes_no(const std::string& answer);

/// MME's own rule: the whole answer, else its first four characters.
Parsed mme_yes_no(const std::string& answer);

/// VLMEvalKit's rule: exactly one of the words "yes" and "no" after its punctuation step; else unreadable.
Parsed vk_yes_no(const std::string& answer);

/// This project's: the first word, punctuation removed, is yes/no in any case.
Parsed strict_yes_no(const std::string& answer);

/// VLMEvalKit's VQA punctuation step (vqa_eval.py, process_punctuation).
std::string vqa_punctuation(const std::string& text);

/// OCRBench: some accepted answer is a substring of the response, both lower-cased, stripped and with
/// newlines as blanks; for handwritten formulas (`formula`) blanks are removed and case kept. value: the answer found.
Parsed ocrbench_match(const std::string& response, const std::vector<std::string>& answers, bool formula);

}  // namespace scalselect::eval
