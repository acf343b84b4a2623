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

/// "Answer with the option's letter from the given choices directly.", LLaVA's and lmms-eval's request.
extern const char* const kLetterRequest;

/// Multiple choice. `hint_label` goes before the hint in LLaVA's and lmms-eval's styles ("Context: " for ScienceQA).
/// Chinese request: LLaVA's style by `language` "cn", VLMEvalKit's by looking for Chinese characters in the text so
/// far.
std::string multiple_choice_prompt(PromptStyle style, const std::string& question, const std::string& hint,
                                   const std::vector<Option>& options, const std::string& language,
                                   const std::string& hint_label = {});

/// MMBench: lmms-eval has a text of its own, in English and Chinese (`language`); else as multiple_choice_prompt.
std::string mmbench_prompt(PromptStyle style, const std::string& question, const std::string& hint,
                           const std::vector<Option>& options, const std::string& language);

/// AI2D: lmms-eval shows its `qwen_vl` the options' texts without letters; else as multiple_choice_prompt.
std::string ai2d_prompt(PromptStyle style, const std::string& question, const std::string& hint,
                        const std::vector<Option>& options, const std::string& language);

/// ScienceQA: lmms-eval has a text of its own for `qwen_vl`; else as multiple_choice_prompt with "Context: ".
std::string scienceqa_prompt(PromptStyle style, const std::string& question, const std::string& hint,
                             const std::vector<Option>& options, const std::string& language);

/// Questions without options in general: LLaVA's and lmms-eval's styles ask for a single word or phrase, VLMEvalKit's
/// adds nothing, or, for Qwen's models, their own request for a short answer.
std::string short_answer_prompt(PromptStyle style, const std::string& question);

/// POPE: as short_answer_prompt, but VLMEvalKit asks Qwen's models for yes or no.
std::string pope_prompt(PromptStyle style, const std::string& question);

/// MME: LLaVA's style takes the trailing "Please answer yes or no." away (one or more blanks before it) and asks for a
/// single word or phrase; lmms-eval's takes it away with one blank only. VLMEvalKit's keeps the question; for Qwen3-VL
/// it asks once more for yes or no.
std::string mme_prompt(PromptStyle style, const std::string& question);

/// OCRBench: as short_answer_prompt, but lmms-eval's adds nothing.
std::string ocrbench_prompt(PromptStyle style, const std::string& question);

}  // namespace scalselect::eval
