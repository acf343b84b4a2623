// What MMBench, AI2D and ScienceQA share: letters, and accuracies by group.
#pragma once

#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "eval/matchers.h"
#include "eval/tsv.h"

namespace scalselect::eval {

class MultipleChoice : public Benchmark {
 public:
  using Benchmark::Benchmark;
  Parsed parse(const Question& question, const std::string& raw) const override;
  std::vector<Matcher> matchers() const override { return matchers_of(answer_kind()); }

 protected:
  /// Which of the table's rules read its letters.
  virtual AnswerKind answer_kind() const { return AnswerKind::kOption; }
  /// Accuracy over groups (a group is right if all its questions are), overall as "accuracy" and by "category/X" and
  /// "split/X".
  std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                   std::span<const std::int32_t> clusters) const override;
  std::vector<std::string> default_columns() const override { return {"accuracy"}; }
  /// Marks questions whose answer is not one of their options' labels as unusable. With `table`, whose rows they are,
  /// the answer may also be an option that was written but counts as missing ("None"): no harness ever finds that one,
  /// and the question is always wrong. A file in which no question has an answer is a test set: it can be answered, not
  /// scored (no metrics).
  static void check_answers(std::vector<Question>& questions, const TsvTable* table = nullptr);
  /// Sets the answer from the 0-based position of an option, as text; unusable if there is no such option.
  static void set_position(Question& question, const std::string& position);
  /// Notes test sets, and options that count as missing but are the answer.
  std::vector<std::string> notes(std::span<const Question> questions) const override;
};

}  // namespace scalselect::eval
