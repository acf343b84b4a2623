// Joined answers as a file of predictions of our own (eval/predictions.h).
#pragma once

#include <string>

#include "eval/exchange/join.h"

namespace scalselect::eval {

/// What becomes of answers that pandas, with which VLMEvalKit reads its files, takes for missing: empty ones, "None",
/// "NA", "nan", ...
enum class MissingAnswers {
  kKeep,  ///< the answers as the file holds them
  kNan,   ///< the text "nan", which is what VLMEvalKit scores
};

/// What an import cannot be sure of.
struct ImportRemarks {
  std::size_t blank = 0;    ///< no text at all: empty answers, or lost ones (a cell holds at most 32,767 characters)
  std::size_t missing = 0;  ///< text that pandas takes for missing
  std::size_t numbers = 0;  ///< numbers in place of text: "1.0" may have been "1"
};

ImportRemarks remarks_on(const Joined& joined);

/// The lines of predictions.jsonl. Beside the usual keys each has "source": {"file_sha256", "format", "model"}. What
/// the file does not state is empty: the prompt, "gen" and the digest of the pictures that the model saw. `profile` is
/// "imported".
std::string imported_lines(const Benchmark& benchmark, const ForeignAnswers& answers, const Joined& joined,
                           MissingAnswers missing);

}  // namespace scalselect::eval
