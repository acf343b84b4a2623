#include "eval/vqa_prompts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "core/error.h"
#include "eval/prompts.h"
#include "eval/vqa_text.h"

namespace scalselect::eval {
namespace {

constexpr std::string_view kTokens = "\nReference OCR token: ";
constexpr std::string_view kUnanswerable =
    "\nWhen the provided information is insufficient, respond with 'Unanswerable'.";

}  // namespace

std::string open_prompt(PromptStyle style, OpenPrompt kind, const std::string& question,
                        const std::vector<std::string>* ocr_tokens) {
  if (kind == OpenPrompt::kBare) return question;
  const std::string tokens =
      ocr_tokens == nullptr ? std::string() : fmt::format("{}{}", kTokens, fmt::join(*ocr_tokens, ", "));
  if (style == PromptStyle::kVlmEvalKitQwen2 || style == PromptStyle::kVlmEvalKitQwen3) {
    return short_answer_prompt(style, question + tokens);
  }
  if (style == PromptStyle::kLmmsEvalQwen) {
    throw UserError(ErrorKind::kUsage, "`style` lmms-eval-qwen is not known for open answers",
                    "Set it to lmms-eval, or to a style of VLMEvalKit.");
  }
  const bool lmms = style == PromptStyle::kLmmsEval;
  const bool llava = style == PromptStyle::kLlava;
  if (kind == OpenPrompt::kVizWiz && !lmms && !llava) return question;
  const bool capital = lmms && (kind == OpenPrompt::kTextVqa || kind == OpenPrompt::kVizWiz);
  std::string text = capital ? capitalized(question) : question;
  text += tokens;
  if (kind == OpenPrompt::kVizWiz) text += kUnanswerable;
  if (kind == OpenPrompt::kChartQa && lmms) return text + "\nAnswer the question with a single word.";
  return text + "\n" + kShortAnswerRequest;
}

std::string question_of_llava_text(const std::string& text) {
  std::string_view question = text;
  const std::string request = std::string("\n") + kShortAnswerRequest;
  if (question.ends_with(request)) question.remove_suffix(request.size());
  if (question.ends_with(kUnanswerable)) question.remove_suffix(kUnanswerable.size());
  return std::string(question.substr(0, question.find(kTokens)));
}

}  // namespace scalselect::eval
