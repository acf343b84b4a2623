#include "data/mini/skills.h"

#include <algorithm>
#include <cctype>

#include "core/check.h"

namespace scalselect::mini {

std::string_view name(Skill skill) {
  static constexpr std::array<std::string_view, kSkills> kNames = {"exist",    "color", "count",    "ocr",   "describe",
                                                                   "relation", "shape", "position", "value", "compare",
                                                                   "label",    "size",  "tallest",  "arrow"};
  return kNames[static_cast<int>(skill)];
}

std::string_view name(Form form) {
  static constexpr std::array<std::string_view, 3> kNames = {"open", "choice", "yesno"};
  return kNames[static_cast<int>(form)];
}

bool Question::allows(Form form) const {
  switch (form) {
    case Form::kOpen: return !open.empty();
    case Form::kChoice: return !open.empty() && !wrong.empty();
    case Form::kYesNo: break;
  }
  return !holds.empty() && !fails.empty();
}

bool serves(SceneType type, Skill skill) {
  using T = SceneType;
  const bool columns = type == T::kChart || type == T::kStacks;
  switch (skill) {
    case Skill::kShape: return type != T::kChart && type != T::kGraph;
    case Skill::kPosition: return !columns;
    case Skill::kValue:
    case Skill::kTallest: return columns;
    case Skill::kCompare: return columns || type == T::kObjects || type == T::kLabels || type == T::kWord;
    case Skill::kLabel: return columns || type == T::kLabels || type == T::kGraph;
    case Skill::kSize: return type == T::kObjects || type == T::kLabels || type == T::kWord;
    case Skill::kArrow: return type == T::kGraph || type == T::kFlow;
    default: return true;
  }
}

std::string open_answer(const std::string& value) {
  return value.size() == 1 && std::isalpha(static_cast<unsigned char>(value[0])) ? "letter " + value : value;
}

Asked ask_open(const Question& question, Rng& rng) {
  SCALSELECT_CHECK(question.allows(Form::kOpen));
  const double chance = question.wrong.empty() || question.skill == Skill::kOcr
                            ? 0.0
                            : 1.0 / (static_cast<double>(question.wrong.size()) + 1);
  return {question.skill, Form::kOpen, question.key, rng.pick(question.open), open_answer(question.answer), {}, chance};
}

Asked ask_yes_no(const Question& question, bool truth, Rng& rng) {
  SCALSELECT_CHECK(question.allows(Form::kYesNo));
  const std::string text = rng.pick(truth ? question.holds : question.fails);
  return {question.skill, Form::kYesNo, question.key, text, truth ? "yes" : "no", {}, 0.5};
}

Asked ask_choice(const Question& question, int options, Rng& rng) {
  SCALSELECT_CHECK(question.allows(Form::kChoice) && options >= 2);
  Asked asked{question.skill, Form::kChoice, question.key, rng.pick(question.open), "", {}, 0};
  const auto wanted = std::min<std::size_t>(static_cast<std::size_t>(options), question.wrong.size() + 1);
  while (asked.options.size() + 1 < wanted) {
    const bool near = !question.near.empty() && rng.chance(0.5);
    const std::string& option = rng.pick(near ? question.near : question.wrong);
    const bool known = std::find(asked.options.begin(), asked.options.end(), option) != asked.options.end();
    if (!known) asked.options.push_back(option);
  }
  const auto right = rng.below(wanted);
  asked.options.insert(asked.options.begin() + static_cast<std::ptrdiff_t>(right), question.answer);
  asked.answer = std::string(1, static_cast<char>('A' + right));
  asked.chance = 1.0 / static_cast<double>(wanted);
  return asked;
}

}  // namespace scalselect::mini
