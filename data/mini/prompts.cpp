#include "data/mini/prompts.h"

namespace scalselect::mini {

const char* const kLetterRequest = "Answer with the option's letter from the given choices directly.";
const char* const kShortRequest = "Answer the question using a single word or phrase.";
const char* const kYesNoRequest = "Please answer yes or no.";

std::string hint(SceneType type) {
  switch (type) {
    case SceneType::kObjects: return "the image shows shapes.";
    case SceneType::kLabels: return "the image shows labeled shapes.";
    case SceneType::kWord: return "the image shows a word.";
    case SceneType::kChart: return "the image shows a chart.";
    case SceneType::kStacks: return "the image shows columns of shapes.";
    case SceneType::kGraph: return "the image shows a diagram of letters.";
    case SceneType::kFlow: break;
  }
  return "the image shows a diagram of shapes.";
}

std::string choice_message(const Asked& asked, const std::string& context) {
  std::string text = context.empty() ? "" : context + "\n";
  text += asked.text;
  for (std::size_t i = 0; i < asked.options.size(); ++i) {
    text += std::string("\n") + static_cast<char>('A' + i) + ". " + asked.options[i];
  }
  return text + "\n" + kLetterRequest;
}

std::string pool_message(const Asked& asked, SceneType type, Rng& rng) {
  switch (asked.form) {
    case Form::kChoice: {
      if (!rng.chance(0.2)) return choice_message(asked, "");
      return choice_message(asked, (rng.chance(0.5) ? "Context: " : "") + hint(type));
    }
    case Form::kYesNo: {
      const double which = rng.uniform();
      if (which < 0.5) return asked.text + "\n" + kShortRequest;
      return which < 0.75 ? asked.text + " " + kYesNoRequest : asked.text;
    }
    case Form::kOpen: break;
  }
  if (asked.skill == Skill::kDescribe || rng.chance(0.4)) return asked.text;
  return asked.text + "\n" + kShortRequest;
}

}  // namespace scalselect::mini
