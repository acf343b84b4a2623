// What MMBench, AI2D and ScienceQA share: letters, and accuracies by group.
#pragma once

#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

class MultipleChoice : public Benchmark {
 public:
  using Benchmark::Benchmark;
  /// By options().matcher; default: VLMEvalKit's newest rules.
  Parsed parse(const Question& question, const std::string& raw) const override;

 protected:
  /// Accuracy over groups (a group is right if all its questions are), overall as "accuracy" and by "category/X" and
  /// "split/X".
  std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                   std::span<const std::int32_t> clusters) const override;
  std::vector<std::string> default_columns() const override { return {"accuracy"}; }
  /// Throws UserError(kInput), naming the question, if its answer is not one of its options' labels.
  void check_answers(const std::vector<Question>& questions) const;
};

}  // namespace scalselect::eval
