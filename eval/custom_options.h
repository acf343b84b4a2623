// What a user says about a benchmark of their own (docs/custom_benchmark.md).
#pragma once

#include <string>
#include <vector>

namespace scalselect::eval {

/// What an answer is and how it is scored.
enum class CustomMetric {
  kChoice,    ///< a letter of the options: accuracy
  kYesNo,     ///< yes or no: accuracy
  kExact,     ///< one of the references
  kSoft,      ///< VQA accuracy over several references
  kRelaxed,   ///< numbers within 5 %, else one of the references
  kAnls,      ///< edit distance to the nearest reference
  kContains,  ///< a reference is part of the answer
  kNone,      ///< answers are collected, not scored
};

/// How the answer column names the right option.
enum class ChoiceAnswer {
  kLetter,  ///< "A"
  kNumber,  ///< 0-based position
  kText,    ///< the option's text
};

/// Names of columns (of members, in JSON), and what is done with them. An empty name: the file has no such column.
struct CustomOptions {
  std::string id = "id";        ///< unique; empty: the number of the row, from 0
  std::string image = "image";  ///< path, base64, Parquet's picture, or a list of these; empty: no pictures
  std::string question = "question";
  std::string hint;
  std::vector<std::string> options;  ///< one column that holds a list, or one column per option
  std::string answer = "answer";     ///< a text or a list of texts
  std::string separator;             ///< splits a text of several answers, e.g. "|"; empty: a text is one answer
  ChoiceAnswer choice = ChoiceAnswer::kLetter;
  std::string category;  ///< groups that are also scored by themselves
  std::string list;      ///< member of a JSON object that holds the list of questions
  std::string prompt;    ///< template with {COLUMN} and {options}; empty: as `style` asks such questions
  CustomMetric metric = CustomMetric::kExact;

  template <class Visitor>
  static void describe(Visitor& v, CustomOptions& o) {
    v.field("id", o.id, "column of a unique id; \"\": the number of the row");
    v.field("image", o.image, "column of the picture: path, base64 or Parquet's; \"\": none");
    v.field("question", o.question, "column of the question");
    v.field("hint", o.hint, "column of a hint");
    v.field("options", o.options, "column that holds a list of options, or one column per option");
    v.field("answer", o.answer, "column of the answer, or of a list of answers");
    v.field("separator", o.separator, "what stands between several answers in one text");
    v.choice("choice", o.choice,
             {{"letter", ChoiceAnswer::kLetter}, {"number", ChoiceAnswer::kNumber}, {"text", ChoiceAnswer::kText}},
             "how the answer names the right option; number: from 0");
    v.field("category", o.category, "column of groups that are also scored by themselves");
    v.field("list", o.list, "member of a JSON object that holds the questions");
    v.field("prompt", o.prompt, "template: {COLUMN}, {options}; default: as `style` asks such questions");
    v.choice("metric", o.metric,
             {{"choice", CustomMetric::kChoice},
              {"yes_no", CustomMetric::kYesNo},
              {"exact", CustomMetric::kExact},
              {"soft", CustomMetric::kSoft},
              {"relaxed", CustomMetric::kRelaxed},
              {"anls", CustomMetric::kAnls},
              {"contains", CustomMetric::kContains},
              {"none", CustomMetric::kNone}},
             "what an answer is and how it is scored");
  }
};

}  // namespace scalselect::eval
