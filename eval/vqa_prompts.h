// Prompt texts of open questions (docs/benchmarks.md, "Prompts").
#pragma once

#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// Benchmarks whose prompts differ.
enum class OpenPrompt {
  kShort,    ///< GQA, VQAv2, DocVQA: the question and a request for a word or phrase
  kTextVqa,  ///< also with OCR tokens; lmms-eval capitalises the question
  kVizWiz,   ///< also "respond with 'Unanswerable'", except VLMEvalKit; lmms-eval capitalises the question
  kChartQa,  ///< lmms-eval asks for a single word
  kBare,     ///< the question alone, everywhere
};

/// `ocr_tokens` go between TextVQA's question and request, in every style, even if there are none; null: no such line.
/// Throws UserError(kUsage) for lmms-eval-qwen, which has no texts for these here.
std::string open_prompt(PromptStyle style, OpenPrompt kind, const std::string& question,
                        const std::vector<std::string>* ocr_tokens = nullptr);

/// The question in a text that LLaVA's question files hold: without OCR tokens and the requests at its end.
std::string question_of_llava_text(const std::string& text);

}  // namespace scalselect::eval
