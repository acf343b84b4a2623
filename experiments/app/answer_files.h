// Stored answers that the verbs of `eval` work on: those of a run in the store, or a file of predictions.
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "experiments/app/plain_words.h"

namespace scalselect::app {

/// The answers of one model to one benchmark.
struct AnswerFile {
  std::string source;  ///< the run's id, or the file as it was named
  std::string model;   ///< the run's name, or the file's stem
  eval::BenchmarkOptions benchmark;
  std::filesystem::path file;  ///< predictions.jsonl
};

/// The keys by which a command line describes a benchmark: kind=, name=, path=, images=, language=, style=, circular=,
/// limit=.
const std::set<std::string>& benchmark_keys();

/// The benchmark that `asked` describes, over `usual`. Throws UserError(kUsage) for a value that does not fit.
eval::BenchmarkOptions benchmark_asked(const PlainWords& asked, const eval::BenchmarkOptions& usual = {});

/// What `word` names: a file of predictions, a folder with predictions.jsonl, or a run (store=FILE), by the first
/// letters of its id; `benchmark`, if not empty, picks one by its name. A file's benchmark is known by its records and
/// benchmark_keys(): its kind is that of the name ("mini-mmbench": mmbench) unless kind= says otherwise. Throws
/// UserError: none of these, no answers, no such benchmark.
std::vector<AnswerFile> answer_files(const std::string& command, const PlainWords& asked, const std::string& word,
                                     const std::string& benchmark = {});

/// "a,b" -> a, b.
Words listed(const std::string& list);

/// One of `known` or UserError(kUsage) with the command's usage.
void require_one_of(const std::string& command, const std::string& key, const std::string& value, const Words& known);

/// Throws UserError(kUsage) if `out` is one of `inputs`.
void refuse_overwriting(const std::string& command, const std::filesystem::path& out,
                        const std::vector<std::filesystem::path>& inputs);

/// Rows of cells as text: the first column to the left, the others to the right.
std::string aligned(const std::vector<Words>& rows);

/// The first few of a list: "a, b, c and 9 more".
std::string first_of(const Words& names, std::size_t shown = 5);

}  // namespace scalselect::app
