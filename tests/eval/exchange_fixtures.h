// Stand-in benchmarks and the answers that public harnesses recorded on them (golden/make_exchange.py).
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/exchange/imported.h"
#include "eval/registry.h"
#include "tests/eval/fixtures.h"

namespace scalselect::eval::testing {

inline std::string exchange(const std::string& name) { return golden("exchange/" + name); }

/// What the harnesses' own code scored.
nlohmann::json harness_scores(const std::string& name);

/// A stand-in with its questions and, for folders, pictures that stand for its pictures.
class StandIn {
 public:
  /// `path`: of golden/exchange.
  StandIn(const std::string& kind, const std::string& path, Matcher matcher = Matcher::kDefault);

  const Benchmark& benchmark() const { return *benchmark_; }
  const std::vector<Question>& questions() const { return loaded_.questions; }
  const Loaded& loaded() const { return loaded_; }

  /// Reads, joins, writes and scores a file of golden/exchange.
  Rescored scores_of(const std::string& file, MissingAnswers missing = MissingAnswers::kKeep);
  /// The predictions of the file that was scored last.
  std::vector<Prediction> predictions() const;
  std::string predictions_file() const { return (folder_ / "p.jsonl").string(); }
  const TempFolder& folder() const { return folder_; }

 private:
  TempFolder folder_;
  std::unique_ptr<Benchmark> benchmark_;
  Loaded loaded_;
};

/// The value of a metric.
double metric(const Rescored& rescored, const std::string& name);

}  // namespace scalselect::eval::testing
