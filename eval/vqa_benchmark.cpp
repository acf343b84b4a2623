#include "eval/vqa_benchmark.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "eval/matchers.h"
#include "eval/metric_stats.h"
#include "eval/text.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kConstants = 20;         // answers that are tried for the majority level
constexpr std::size_t kRowsForTrials = 20000;  // of larger benchmarks the sums over their own questions must do

const AnswerRule& rule_of(const BenchmarkOptions& options, OpenAnswerKind kind) {
  if (const auto* rule = answer_rule(kind, options.matcher)) return *rule;
  refuse_matcher(options.kind, options.matcher, matchers_of(kind));
}

using References = std::vector<std::string>;

// The best score of one answer to all `rows`. Answers are first weighed by what they score where they are a reference.
double best_constant(const AnswerRule& rule, const std::vector<References>& references,
                     const std::vector<std::size_t>& rows) {
  std::unordered_map<std::string, double> sums;
  for (const std::size_t row : rows) {
    for (const auto& value : std::set<std::string>(references[row].begin(), references[row].end())) {
      sums[value] += rule.score(references[row], value);
    }
  }
  std::vector<std::pair<double, std::string>> order;
  for (auto& [value, sum] : sums) order.emplace_back(-sum, value);
  const auto tried = std::min(kConstants, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(tried), order.end());
  if (tried == 0) return 0;
  double best = -order.front().first;
  if (rows.size() > kRowsForTrials) return best;
  for (std::size_t i = 0; i < tried; ++i) {
    double sum = 0;
    for (const std::size_t row : rows) sum += rule.score(references[row], order[i].second);
    best = std::max(best, sum);
  }
  return best;
}

// What guessing at a question brings: half of each answer where it asks for yes or no.
double guess(const AnswerRule& rule, const Question& question, const References& references) {
  const std::string first = question.answers.empty() ? std::string() : lower(question.answers.front());
  if (first != "yes" && first != "no") return 0;
  return (rule.score(references, rule.read(question, "yes")) + rule.score(references, rule.read(question, "no"))) / 2;
}

}  // namespace

OpenAnswer::OpenAnswer(BenchmarkOptions options, OpenAnswerKind kind, std::string metric)
    : Benchmark(std::move(options)), kind_(kind), rule_(rule_of(options_, kind)), metric_(std::move(metric)) {}

Parsed OpenAnswer::parse(const Question& question, const std::string& raw) const {
  std::string value = rule_.read(question, raw);
  const bool unread = strip(raw).empty() || (kind_ == OpenAnswerKind::kYesNo && value.empty());
  return {std::move(value), unread ? "none" : "normalized"};
}

double OpenAnswer::score(const Question& question, const Parsed& parsed) const {
  return rule_.score(rule_.references(question), parsed.value);
}

MetricStats OpenAnswer::mean_score(const std::string& name, const std::string& label,
                                   const std::vector<std::size_t>& rows, const Scored& scored) const {
  Metric metric{.name = name, .display = label};
  std::vector<std::pair<std::int32_t, double>> items;
  for (const std::size_t row : rows) {
    items.emplace_back(scored.clusters[row], scored.outcomes[row].score);
    metric.chance += guess(rule_, scored.questions[row], scored.references[row]);
  }
  const double percent = rows.empty() ? 0 : 100 / static_cast<double>(rows.size());
  metric.chance *= percent;
  metric.majority = percent * best_constant(rule_, scored.references, rows);
  return percent_metric(std::move(metric), items);
}

std::vector<MetricStats> OpenAnswer::metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                             std::span<const std::int32_t> clusters) const {
  Scored scored{questions, outcomes, clusters, {}};
  for (const auto& question : questions) scored.references.push_back(rule_.references(question));
  std::vector<std::size_t> all(questions.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<MetricStats> result = {mean_score(metric_, display(), all, scored)};
  for (const auto& [name, rows] : rows_by_group(questions)) {
    result.push_back(mean_score(name, name.substr(name.find('/') + 1), rows, scored));
  }
  return result;
}

void open_question(const nlohmann::json& row, const RowKeys& keys, const std::string& where, Question& question) {
  question.id = question.group = text_of(row, keys.id, where);
  question.question = text_of(row, keys.question, where);
  if (const auto key = first_key(row, keys.answers); !key.empty()) {
    question.answers = text_list(row, key, where);
    if (question.answers.empty()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{} (question '{}') has an empty list of answers", where, question.id),
                      "A question has references, or no such column at all.");
    }
  }
  question.category = optional_text(row, keys.category, where);
  if (auto split = optional_text(row, keys.split, where); !split.empty()) question.splits = {std::move(split)};
}

void require_several_references(const Question& question, const std::string& where) {
  if (question.answers.size() != 1) return;
  throw UserError(ErrorKind::kInput,
                  fmt::format("{} (question '{}') has one reference answer, '{}', where a list of several is expected",
                              where, question.id, question.answers.front()),
                  "Soft accuracy counts how many people gave an answer; write the list as ['a', 'b', …].");
}

std::map<std::string, std::vector<std::size_t>> rows_by_group(std::span<const Question> questions) {
  std::map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (!questions[i].category.empty()) groups["category/" + questions[i].category].push_back(i);
    for (const auto& split : questions[i].splits) groups["split/" + split].push_back(i);
  }
  return groups;
}

void mark_unreferenced(std::vector<Question>& questions) {
  const auto usable = [](const Question& question) { return question.unusable.empty(); };
  const auto all = std::count_if(questions.begin(), questions.end(), usable);
  const auto answered = std::count_if(questions.begin(), questions.end(), [&](const Question& question) {
    return usable(question) && !question.answers.empty();
  });
  if (answered == 0) return;
  for (auto& question : questions) {
    if (usable(question) && question.answers.empty())
      question.unusable = fmt::format("it has no reference answers, while {} of {} questions have some", answered, all);
  }
}

fs::path image_folder(const BenchmarkOptions& options, const std::vector<fs::path>& usual) {
  if (!options.images.empty()) return options.images;
  for (const auto& folder : usual) {
    if (fs::is_directory(folder)) return folder;
  }
  const fs::path path(options.path);
  return fs::is_directory(path) ? path : path.parent_path();
}

fs::path find_file(const fs::path& path, const std::vector<std::string>& names) {
  if (!fs::is_directory(path)) return path;
  for (const auto& name : names) {
    if (fs::is_regular_file(path / name)) return path / name;
  }
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".parquet") return path;
  }
  throw UserError(ErrorKind::kInput,
                  fmt::format("{}: this folder holds none of {}", path.string(), fmt::join(names, ", ")),
                  "Set `path` to the benchmark's file.");
}

}  // namespace scalselect::eval
