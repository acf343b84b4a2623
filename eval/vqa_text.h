// The answer processors of visual question answering: the text of an answer as it is compared.
//
// All descend from the official VQA evaluation (GT-Vision-Lab/VQA, vqaEval.py) and differ in small steps, which decide
// over points; each is followed to the letter, oddities included (docs/benchmarks.md, "Open answers").
#pragma once

#include <string>
#include <string_view>

namespace scalselect::eval {

/// How a processor treats punctuation.
enum class VqaDialect {
  kOfficial,  ///< GT-Vision-Lab/VQA, and VLMEvalKit until May 2025: a period goes unless a digit follows
  kMmf,       ///< mmf's EvalAIAnswerProcessor, which LLaVA and lmms-eval carry: as official, but several commas between
              ///< digits count as one
  kVk,        ///< VLMEvalKit since May 2025: a period goes if it touches no digit
};

/// Newlines and tabs as blanks, stripped, then punctuation away, lower case, number words as digits, articles away and
/// apostrophes restored in contractions.
std::string vqa_answer(std::string_view text, VqaDialect dialect);

/// EvalAIAnswerProcessor as a whole: lower case, commas and question marks away and a blank before "'s", then
/// vqa_answer(kMmf).
std::string mmf_answer(std::string_view text);

/// This project's strict reading: lower case, without white space and punctuation (full-width too) around it.
std::string bare_answer(std::string_view text);

/// str.capitalize(): the first character in title case, the others in lower case. lmms-eval asks TextVQA and VizWiz so.
std::string capitalized(std::string_view text);

/// Newlines and tabs as blanks, stripped.
std::string one_line_answer(std::string_view text);

/// len(text.upper()): code points after full upper-casing, the length that ANLS divides by.
std::size_t upper_length(std::string_view text);

}  // namespace scalselect::eval
