#include "experiments/custom_template.h"

namespace scalselect {

std::string custom_template() {
  return R"yaml(# A benchmark of your own. Save this as eval/NAME.yaml in any folder and name that folder with -cd:
#   scalselect eval model.path=DIR -cd FOLDER eval=NAME
# A key that stands behind a # has the value that it would have without it. Help: docs/custom_benchmark.md

root: /data/street-signs          # where relative paths below start
max_new_tokens: 16                # length limit of an answer
batch_size: 64                    # never changes an answer
benchmarks:
  - kind: custom
    name: street-signs            # under this name results are kept: change it when you change the questions
    display: Signs                # printed in tables
    path: questions.jsonl         # .tsv, .csv, .json, .jsonl (also .gz), Parquet, or a folder of Parquet shards
    images: photos                # folder of the pictures that rows name
    # style: llava                # whose prompts: llava, vlmevalkit, vlmevalkit-default, lmms-eval
    # matcher: default            # whose answer rules: see the table of metrics in the help
    # limit: 0                    # ask the first questions only, for a trial
    custom:
      # What your columns (members, in JSON) are called:
      id: id                      # unique; "" takes the number of the row
      image: image                # a path, base64, a picture column of Parquet, or a list of these; "": no pictures
      question: question
      # hint: hint                # a text that goes before the question
      # options: [choices]        # one column that holds a list, or one column for each option: [A, B, C, D]
      answer: answer              # one text or a list of texts
      # separator: "|"            # where one text holds several answers (or options)
      # choice: letter            # the right option is named by letter, number (from 0) or text
      # category: kind            # groups that are scored by themselves too
      # list: questions           # the member of a JSON object that holds the questions
      # What is asked; without it, what `style` asks such questions. {options} are lines "A. ...", and any {column} may
      # be used; a brace itself is {{.
      prompt: "{question}\nAnswer the question using a single word or phrase."
      # How an answer is scored:
      #   choice    a letter of the options        relaxed   a number within 5 %, else the same text
      #   yes_no    yes or no                      anls      near to an answer by edit distance
      #   exact     one of the answers             contains  an answer occurs in the response
      #   soft      VQA accuracy, several people   none      answers are collected, not scored
      metric: exact
)yaml";
}

}  // namespace scalselect
