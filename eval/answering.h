// A model's answers to one benchmark while they are made, in steps that several processes may share.
//
// Questions about the same picture are answered one after another, a step's in one call of the generator, and each step
// is kept in FILE.steps as soon as it is answered. What is killed goes on with the steps that are missing. The file
// that is put together at the end has the same bytes whoever answered which step: a step knows nothing of the others.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/log.h"
#include "core/probes.h"
#include "core/work_cut.h"
#include "eval/benchmark.h"
#include "eval/predictions.h"

namespace scalselect::eval {

struct EvaluateOptions {
  GenerationOptions generation;
  /// Questions of a step, but those about one picture stay together where they are no more than that.
  int step_size = 256;
  int processes = 1;  ///< that will answer; for several, the last steps are short (core/work_cut.h)
  int threads = 1;    ///< of each of them: a step has a batch of the generator's for each thread
};

class Answering {
 public:
  /// `questions`: all of `benchmark` that can be asked, in its order; they and `benchmark` must outlive this. `file`:
  /// the predictions.jsonl to make. FILE.steps/cut.json says how the questions are cut into steps, as whoever came
  /// first has decided; steps that an earlier version began go on. Throws UserError(kInput) if the files there hold
  /// answers to other questions or prompts; UserError(kEnvironment) if nothing can be written there.
  Answering(const Benchmark& benchmark, std::span<const Question> questions, const EvaluateOptions& options,
            std::filesystem::path file);

  std::int64_t steps() const { return std::ssize(cut_); }
  std::int64_t questions_of(std::int64_t step) const;
  /// FILE.steps/000012.jsonl. Who may answer a step is for the callers to settle.
  std::filesystem::path step_file(std::int64_t step) const;
  /// Whether the step's answers are kept, or the file is together already.
  bool finished(std::int64_t step) const;

  /// Asks the step's questions, equal ones once; returns their lines in working order.
  std::string answer(std::int64_t step, TextGenerator& generator);
  /// Keeps the lines of an answered step.
  void keep(std::int64_t step, const std::string& lines) const;
  /// Puts the file together, all steps being finished, and removes them. Throws UserError(kInput), naming it, for a
  /// step that is damaged.
  void join() const;

 private:
  std::vector<WorkPart> cut() const;
  std::span<const std::size_t> members(std::int64_t step) const;  ///< indices of its questions
  std::string line(const Question& question, const std::string& response);
  std::size_t check(std::span<const std::size_t> order, const std::string& lines, const std::filesystem::path& file);

  const Benchmark& benchmark_;
  std::span<const Question> questions_;
  EvaluateOptions options_;
  std::filesystem::path file_;
  std::string profile_, fingerprint_;
  std::map<std::string, std::string> picture_hashes_;  ///< SHA-256 by path
  std::vector<std::size_t> order_;                     ///< questions as they are asked
  std::vector<WorkPart> cut_;                          ///< the steps, of `order_`
};

/// Where an Answering keeps its steps: FILE.steps.
std::filesystem::path steps_folder(const std::filesystem::path& file);

/// How many questions are answered for `file`, be it finished or not.
std::int64_t answered_in_steps(const std::filesystem::path& file);

/// All of it by this process: answers what is missing and writes `file`. `progress` (may be null) is advanced by newly
/// answered questions. Throws what Answering throws.
void evaluate(const Benchmark& benchmark, std::span<const Question> questions, TextGenerator& generator,
              const EvaluateOptions& options, const std::filesystem::path& file, Progress* progress = nullptr);

}  // namespace scalselect::eval
