#include "eval/prompts.h"

#include <string_view>

#include "eval/text.h"

namespace scalselect::eval {

const char* const kShortAnswerRequest = "Answer the question using a single word or phrase.";

std::string multiple_choice_prompt(PromptStyle style, const std::string& question, const std::string& hint,
                                   const std::vector<Option>& options, const std::string& language,
                                   const std::string& hint_label) {
  std::string text;
  if (style == PromptStyle::kVlmEvalKitDefault) {
    if (!hint.empty()) text += "Hint: " + hint + "\n";
    text += "Question: " + question + "\n";
    if (!options.empty()) text += "Options:\n";
    for (const auto& option : options) text += option.label + ". " + option.text + "\n";
    if (!options.empty()) text += "Please select the correct answer from the options above. \n";
    return text;
  }
  const bool llava = style == PromptStyle::kLlava;
  if (!hint.empty()) text += (llava ? hint_label : std::string()) + hint + "\n";
  text += question;
  for (const auto& option : options) text += "\n" + option.label + ". " + option.text;
  const bool chinese = llava ? language == "cn" : has_han(text);
  text += chinese ? "\n请直接回答选项字母。" : "\nAnswer with the option's letter from the given choices directly.";
  return text;
}

std::string short_answer_prompt(PromptStyle style, const std::string& question) {
  return style == PromptStyle::kLlava ? question + "\n" + kShortAnswerRequest : question;
}

std::string mme_prompt(PromptStyle style, const std::string& question) {
  if (style != PromptStyle::kLlava) return question;
  constexpr std::string_view kRequest = "Please answer yes or no.";
  std::string text = strip(question);
  if (text.ends_with(kRequest)) text = strip(std::string_view(text).substr(0, text.size() - kRequest.size()));
  return text + "\n" + kShortAnswerRequest;
}

}  // namespace scalselect::eval
