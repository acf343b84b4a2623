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

/// The category of OCRBench whose answers are formulas.
inline constexpr const char* kOcrFormulas = "Handwritten Mathematical Expression Recognition";

/// lmms-eval (since 2026) takes full-width characters for those of ASCII, except in formulas.
enum class Folding { kNone, kFullWidth };

/// OCRBench: some accepted answer is a substring of the response, both lower-cased, stripped and with
/// newlines as blanks; for handwritten formulas (`formula`) blanks are removed and case kept. value: the answer found.
Parsed ocrbench_match(const std::string& response, const std::vector<std::string>& answers, bool formula,
                      Folding folding = Folding::kNone);

/// lmms-eval's MMBench evaluator without a judge (its static mode, mmbench_en_dev_static): a letter of A to E among the
/// words, alone or in one of twelve frames ("X.", "(X)", …), else the text of exactly one option, else its general
/// search for a letter, which finds one in almost any text. Its rules are older than VLMEvalKit's of 2024.
Parsed lmms_mmbench_option(const std::string& answer, const std::vector<Option>& options);

/// lmms-eval's AI2D: the letter before a period at the start, else the whole answer; compared without case and ASCII
/// punctuation with the letters, or, where the prompt shows none (lmms-eval-qwen), with the texts.
Parsed lmms_ai2d_option(const std::string& answer, const std::vector<Option>& options);
Parsed lmms_ai2d_text(const std::string& answer, const std::vector<Option>& options);

/// lmms-eval's ScienceQA: exactly a letter in any case, or a capital letter and a period at the start.
Parsed lmms_scienceqa_option(const std::string& answer, const std::vector<Option>& options);

/// lmms-eval's POPE: exactly "yes" or "no" in any case.
Parsed lmms_pope_yes_no(const std::string& answer);

/// lmms-eval's MME: as MME's own rule, but without periods and with "y" and "n".
Parsed lmms_mme_yes_no(const std::string& answer);

}  // namespace scalselect::eval
