// Which questions a run answered rightly, so that two runs can be compared question by question.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/question.h"

namespace scalselect::report {

/// What is right or wrong as one: a question, or all rotations of one (CircularEval, right if all are). Questions that
/// are one call of the model (POPE's splits repeat each other) are one unit.
struct Unit {
  std::uint64_t key = 0, cluster = 0;  ///< of question and image, equal in all runs
  std::uint32_t parts = 0;             ///< bit i: it belongs to AnswerUnits::parts[i]
  float score = 0;                     ///< 1 right, 0 wrong; between them where a metric gives shares
};

struct AnswerUnits {
  std::vector<std::string> parts;  ///< POPE's splits, MME's perception and cognition, ...; 32 at most
  std::vector<Unit> units;         ///< by key
};

AnswerUnits answer_units(std::span<const eval::Question> questions, std::span<const eval::Outcome> outcomes);

/// Two runs on the units that both have.
struct PairedAnswers {
  std::int64_t units = 0, clusters = 0;  ///< clusters: different images among the units
  std::int64_t n10 = 0, n01 = 0;         ///< first better, second better
};

/// `metric`: only the units that it is about, of those parts whose name it begins with ("adversarial_f1", "cognition").
PairedAnswers compare_answers(const AnswerUnits& first, const AnswerUnits& second, const std::string& metric);

}  // namespace scalselect::report
