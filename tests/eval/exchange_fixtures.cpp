#include "tests/eval/exchange_fixtures.h"

#include <set>

namespace scalselect::eval::testing {

nlohmann::json harness_scores(const std::string& name) {
  return nlohmann::json::parse(read_file(exchange("scores.json"))).at(name);
}

StandIn::StandIn(const std::string& kind, const std::string& path, Matcher matcher) {
  BenchmarkOptions options;
  options.kind = kind;
  options.path = exchange(path);
  options.matcher = matcher;
  if (!path.ends_with(".tsv")) {
    options.images = (folder_ / "images").string();
    for (int i = 0; i < 7; ++i)
      folder_.write("images/COCO_val2014_00000000000" + std::to_string(i) + ".jpg", fake_png(i));
    for (int i = 0; i < 14; ++i) folder_.write("images/" + std::to_string(7 * i + 5) + "/image.png", fake_png(i));
  }
  benchmark_ = make_benchmark(options);
  loaded_ = benchmark_->load_usable((folder_ / "cache").string());
  EXPECT_TRUE(loaded_.unusable.empty());
}

Rescored StandIn::scores_of(const std::string& file, MissingAnswers missing) {
  const auto answers = read_answers(exchange(file));
  const auto joined = join_answers(*benchmark_, loaded_, answers);
  folder_.write("p.jsonl", imported_lines(*benchmark_, answers, joined, missing));
  return rescore(*benchmark_, predictions_file());
}

std::vector<Prediction> StandIn::predictions() const { return read_predictions(predictions_file()); }

double metric(const Rescored& rescored, const std::string& name) {
  const auto* const found = rescored.scores.find(name);
  if (found == nullptr) throw std::runtime_error("no metric " + name);
  return found->metric.value;
}

}  // namespace scalselect::eval::testing
