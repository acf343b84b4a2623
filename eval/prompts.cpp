#include "eval/prompts.h"

#include <string_view>

#include "eval/text.h"

namespace scalselect::eval {
namespace {

constexpr const char* kChineseLetterRequest = "请直接回答选项字母。";
constexpr const char* kYesNoRequest = " Please answer yes or no.";

bool is_lmms(PromptStyle style) { return style == PromptStyle::kLmmsEval || style == PromptStyle::kLmmsEvalQwen; }
bool is_llava(PromptStyle style) { return style == PromptStyle::kLlava; }
bool is_vk_qwen(PromptStyle style) {
  return style == PromptStyle::kVlmEvalKitQwen2 || style == PromptStyle::kVlmEvalKitQwen3;
}

// "A. text", one a line, each after a newline.
std::string lettered(const std::vector<Option>& options) {
  std::string text;
  for (const auto& option : options) text += "\n" + option.label + ". " + option.text;
  return text;
}

// What python's rstrip() leaves.
std::string right_stripped(const std::string& text) {
  const std::string core = strip("|" + text);
  return core.substr(1);
}

// VLMEvalKit's "Question: … Options: …", with a request after it as the model family has it.
std::string titled(PromptStyle style, const std::string& question, const std::string& hint,
                   const std::vector<Option>& options) {
  std::string text;
  if (!hint.empty()) text += "Hint: " + hint + "\n";
  text += "Question: " + question + "\n";
  if (!options.empty()) text += "Options:" + lettered(options) + "\n";
  if (style == PromptStyle::kVlmEvalKitDefault) {
    return options.empty() ? text : text + "Please select the correct answer from the options above. \n";
  }
  if (!options.empty()) {
    if (style == PromptStyle::kVlmEvalKitQwen3) text += "Answer with the option letter only.";
    else text += has_han(text) ? kChineseLetterRequest : "Please select the correct answer from the options above.";
  }
  return right_stripped(text);
}

}  // namespace

const char* const kLetterRequest = "Answer with the option's letter from the given choices directly.";
const char* const kShortAnswerRequest = "Answer the question using a single word or phrase.";

std::string multiple_choice_prompt(PromptStyle style, const std::string& question, const std::string& hint,
                                   const std::vector<Option>& options, const std::string& language,
                                   const std::string& hint_label) {
  if (style == PromptStyle::kVlmEvalKitDefault || is_vk_qwen(style)) return titled(style, question, hint, options);
  const bool llava = is_llava(style);
  std::string text;
  if (!hint.empty()) text += (llava || is_lmms(style) ? hint_label : std::string()) + hint + "\n";
  text += question + lettered(options);
  const bool chinese = llava ? language == "cn" : !is_lmms(style) && has_han(text);
  return text + "\n" + (chinese ? kChineseLetterRequest : kLetterRequest);
}

std::string mmbench_prompt(PromptStyle style, const std::string& question, const std::string& hint,
                           const std::vector<Option>& options, const std::string& language) {
  if (!is_lmms(style)) return multiple_choice_prompt(style, question, hint, options, language);
  std::string listed = "There are several options:" + lettered(options);
  while (listed.ends_with('\n')) listed.pop_back();
  const std::string request = language == "cn" ? "请直接使用所提供的选项字母作为答案回答。" : kLetterRequest;
  return (hint.empty() ? "" : hint + " ") + question + " " + listed + "\n\n" + request;
}

std::string ai2d_prompt(PromptStyle style, const std::string& question, const std::string& hint,
                        const std::vector<Option>& options, const std::string& language) {
  if (style != PromptStyle::kLmmsEvalQwen) return multiple_choice_prompt(style, question, hint, options, language);
  std::string text = question;  // the first option follows without a break
  for (std::size_t i = 0; i < options.size(); ++i) text += (i > 0 ? "\n" : "") + options[i].text;
  return text + " Answer:";
}

std::string scienceqa_prompt(PromptStyle style, const std::string& question, const std::string& hint,
                             const std::vector<Option>& options, const std::string& language) {
  if (style != PromptStyle::kLmmsEvalQwen) {
    return multiple_choice_prompt(style, question, hint, options, language, "Context: ");
  }
  return "Context: " + (hint.empty() ? "N/A" : hint) + "\nQuestion: " + question +
         "\nOptions: " + (options.empty() ? "" : lettered(options).substr(1)) + "\nAnswer:";
}

std::string short_answer_prompt(PromptStyle style, const std::string& question) {
  switch (style) {
    case PromptStyle::kLlava: return question + "\n" + kShortAnswerRequest;
    case PromptStyle::kLmmsEval:
    case PromptStyle::kLmmsEvalQwen: return strip(question) + "\n" + kShortAnswerRequest;
    case PromptStyle::kVlmEvalKitQwen2:
      return question + "\nPlease try to answer the question with short words or phrases if possible.";
    case PromptStyle::kVlmEvalKitQwen3:
      return question + "\nPlease answer concisely with short words or phrases when possible.";
    case PromptStyle::kVlmEvalKit:
    case PromptStyle::kVlmEvalKitDefault: return question;
  }
  return question;
}

std::string pope_prompt(PromptStyle style, const std::string& question) {
  return is_vk_qwen(style) ? question + kYesNoRequest : short_answer_prompt(style, question);
}

std::string mme_prompt(PromptStyle style, const std::string& question) {
  if (is_lmms(style)) {
    const std::string bare = replace_all(strip(question), kYesNoRequest, "");
    return style == PromptStyle::kLmmsEvalQwen ? bare + " Answer:" : bare + "\n" + kShortAnswerRequest;
  }
  if (style == PromptStyle::kVlmEvalKitQwen3) return question + kYesNoRequest;
  if (!is_llava(style)) return question;
  constexpr std::string_view kRequest = "Please answer yes or no.";
  std::string text = strip(question);
  if (text.ends_with(kRequest)) text = strip(std::string_view(text).substr(0, text.size() - kRequest.size()));
  return text + "\n" + kShortAnswerRequest;
}

std::string ocrbench_prompt(PromptStyle style, const std::string& question) {
  return is_lmms(style) ? strip(question) : short_answer_prompt(style, question);
}

}  // namespace scalselect::eval
