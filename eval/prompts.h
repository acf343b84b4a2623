// Prompt texts of the public harnesses (docs/benchmarks.md, "Prompts").
//
// Only the benchmark's text is made here; the conversation around it belongs to the model's chat template.
#pragma once

#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// "Answer the question using a single word or phrase." as LLaVA's scripts append it.
extern const char* const kShortAnswerRequest;

/// Multiple choice. `hint_label` goes before the hint in LLaVA's style ("Context: " for ScienceQA). Chinese request:
/// LLaVA's style by `language` "cn", VLMEvalKit's by looking for Chinese characters in the text so far.
std::string multiple_choice_prompt(PromptStyle style, const std::string& question, const std::string& hint,
                                   const std::vector<Option>& options, const std::string& language,
                                   const std::string& hint_label = {});

/// Questions without options (POPE, OCRBench): LLaVA's style asks for a single word or phrase, VLMEvalKit's adds
/// nothing.
std::string short_answer_prompt(PromptStyle style, const std::string& question);

/// MME: LLaVA's style takes the trailing "Please answer yes or no." away (one or more blanks before it) and asks for a
/// single word or phrase; VLMEvalKit's keeps the question.
std::string mme_prompt(PromptStyle style, const std::string& question);

}  // namespace scalselect::eval
