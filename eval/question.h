// One call of the model in a benchmark, and what became of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace scalselect::eval {

/// One choice of a multiple-choice question.
struct Option {
  std::string label;  ///< "A".."Z"
  std::string text;
  bool operator==(const Option&) const = default;
};

/// A question as the model gets it, with all that is needed to score the answer later without the benchmark's files.
struct Question {
  std::string id;        ///< the benchmark's own key, unique within one load (docs/benchmarks.md, "Files")
  std::int64_t row = 0;  ///< 0-based position in the benchmark
  std::string prompt;    ///< the benchmark's text, exactly as the harness makes it; no image tag, no chat template
  std::vector<std::string> images;       ///< paths ready to open
  std::vector<std::string> image_names;  ///< the same images as the benchmark names them (no machine's path)

  std::string question;              ///< raw text
  std::string hint;                  ///< raw; empty = none
  std::vector<Option> options;       ///< empty for yes/no and open-ended questions
  std::vector<std::string> answers;  ///< accepted answers: one label, "yes"/"no", or any of several strings;
                                     ///< none in a test set that cannot be scored here

  std::string category;             ///< the benchmark's own finest grouping (MME category, OCRBench type, ...)
  std::vector<std::string> splits;  ///< groups above it: POPE's splits (several are allowed), MMBench's l2-category
  std::string skill;                ///< from the skill sidecar; empty = unknown
  std::string group;    ///< questions that are scored together: CircularEval's rotations, the two questions of an MME
                        ///< image; the id itself for a question that is scored alone
  int rotation = 0;     ///< CircularEval's pass, 0-based
  std::string cluster;  ///< unit of resampling: identity of the image (docs/benchmarks.md)
  std::string stratum;  ///< resampling keeps the number of clusters of each stratum (MME: the category)

  /// Why it cannot be asked or scored, for a reader's caller: names the row where the id does not. Empty = it can.
  std::string unusable;
};

/// A row of a benchmark that is left out of a run.
struct Unusable {
  std::string id;
  std::string reason;
  std::int64_t place = 0;  ///< among all rows of the file that hold a question, from 0
  bool operator==(const Unusable&) const = default;
};

/// "3 questions cannot be asked, the first '8': row 10 repeats the id of an earlier one"; `unusable` is not empty.
std::string sentence_on(const std::vector<Unusable>& unusable);

/// A benchmark as its files hold it. A run over `questions` is incomplete while `unusable` is not empty.
struct Loaded {
  std::vector<Question> questions;  ///< those that can be asked and scored
  std::vector<Unusable> unusable;   ///< the others, in file order
  std::vector<std::string> notes;   ///< what to know before comparing scores, e.g. that it is another revision
};

/// What a matcher read out of a raw answer.
struct Parsed {
  std::string value;  ///< a label, "yes"/"no", or the normalised text; empty = not inferable
  std::string rule;   ///< which rule decided: "option", "text", "regex", "refusal", "word", "contains", "none"
  bool operator==(const Parsed&) const = default;
};

/// A question's outcome.
struct Outcome {
  Parsed parsed;
  double score = 0;  ///< 1 right, 0 wrong; open answers may be partly right
};

}  // namespace scalselect::eval
