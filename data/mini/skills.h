// What can be asked about a scene: skills, questions with all their right and wrong answers, and their three forms.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "data/mini/scene.h"

namespace scalselect::mini {

/// In the order of their share in the pool, largest first.
enum class Skill : std::uint8_t {
  kExist,     ///< is there a red circle?
  kColor,     ///< what color is ...
  kCount,     ///< how many ...
  kOcr,       ///< read the word
  kDescribe,  ///< long answers; in the pool only
  kRelation,  ///< what is directly right of ...
  kShape,     ///< what shape is ...
  kPosition,  ///< where is ...
  kValue,     ///< how high is bar k
  kCompare,   ///< which of two is taller or larger
  kLabel,     ///< which letter belongs to ...
  kSize,      ///< small or large
  kTallest,   ///< the tallest bar or column
  kArrow,     ///< which way the arrow at ... points
};
inline constexpr int kSkills = 14;

std::string_view name(Skill skill);  ///< "exist"

/// The form of a question.
enum class Form : std::uint8_t {
  kOpen,    ///< answered by a word, a number, or a description
  kChoice,  ///< options with letters; answered by a letter
  kYesNo,
};
std::string_view name(Form form);  ///< "open", "choice", "yesno"

/// One fact about a scene, with everything needed to ask for it in each form.
struct Question {
  Skill skill{};
  std::string key;                 ///< equal keys in one scene ask for the same fact
  std::vector<std::string> open;   ///< wordings; empty if only yes/no makes sense
  std::string answer;              ///< to the open question
  std::vector<std::string> near;   ///< wrong answers that other parts of the scene suggest
  std::vector<std::string> wrong;  ///< all wrong answers of the kind, `near` among them; empty for descriptions
  std::vector<std::string> holds;  ///< yes/no questions whose answer is yes
  std::vector<std::string> fails;  ///< yes/no questions whose answer is no
  bool allows(Form form) const;
};

/// Every question of the skill with exactly one right answer; empty if the scene has nothing to ask about. `rng` draws
/// among equivalent subjects and wrong answers, never the truth.
std::vector<Question> questions(const Scene& scene, Skill skill, Rng& rng);

/// Whether scenes of this type can serve the skill at all.
bool serves(SceneType type, Skill skill);

/// A question in one form, without prompt formatting.
struct Asked {
  Skill skill{};
  Form form{};
  std::string key;                   ///< of the question
  std::string text;                  ///< "what color is the circle?"
  std::string answer;                ///< "red", "B", "yes"
  std::vector<std::string> options;  ///< kChoice: contents in letter order
  double chance = 0;                 ///< of a guess among the possible answers; 0 for words and descriptions
};

/// `options`: 2-4 for kChoice (fewer if the question has fewer answers). The right letter is uniform.
Asked ask_choice(const Question& question, int options, Rng& rng);
/// `truth`: whether the answer is to be yes.
Asked ask_yes_no(const Question& question, bool truth, Rng& rng);
Asked ask_open(const Question& question, Rng& rng);

/// A value as open answers say it: a single letter is "letter k", since OCRBench looks for the answer anywhere in the
/// response and would find a bare "k" in "black".
std::string open_answer(const std::string& value);

}  // namespace scalselect::mini
