#include "eval/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "eval/images.h"
#include "eval/metric_stats.h"
#include "eval/skills.h"

namespace scalselect::eval {
namespace {

std::filesystem::path skills_file(const BenchmarkOptions& options) {
  namespace fs = std::filesystem;
  if (!options.skills.empty()) return options.skills;
  const fs::path path(options.path);
  if (fs::is_directory(path)) return path / "skills.jsonl";
  fs::path own = path;
  own.replace_extension(".skills.jsonl");
  return fs::exists(own) ? own : path.parent_path() / "skills.jsonl";
}

// A rotation has the skill of its first pass, a question of an MME pair that of its image.
void tag_skills(const BenchmarkOptions& options, std::vector<Question>& questions) {
  const auto file = skills_file(options);
  if (options.skills.empty() && !std::filesystem::exists(file)) return;
  const auto skills = read_skills(file);
  for (auto& question : questions) {
    auto found = skills.find(question.id);
    if (found == skills.end()) found = skills.find(question.group);
    if (found == skills.end()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{}: question '{}' of {} has no skill", file.string(), question.id, options.path),
                      "Every question needs a line, or remove the file.");
    }
    question.skill = found->second;
  }
}

// Many questions share a picture, which is looked at once.
void check_images(std::vector<Question>& questions, bool decode) {
  std::unordered_map<std::string, std::size_t> places;
  std::vector<std::string> images;
  for (const auto& question : questions) {
    for (const auto& image : question.images) {
      if (places.try_emplace(image, images.size()).second) images.push_back(image);
    }
  }
  std::vector<std::string> problems(images.size());
  parallel_blocks(std::ssize(images), 4, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      problems[i] = picture_problem(images[i], decode);
  });
  for (auto& question : questions) {
    for (const auto& image : question.images) {
      if (question.unusable.empty()) question.unusable = problems[places.at(image)];
    }
  }
}

// Ids are the keys under which answers are stored. Of rows that repeat one, the first stands.
void check_ids(std::vector<Question>& questions) {
  std::unordered_set<std::string> seen;
  for (std::size_t row = 0; row < questions.size(); ++row) {
    Question& question = questions[row];
    if (seen.insert(question.id).second) continue;
    question.unusable = fmt::format("row {} repeats the id of an earlier one", row);
    question.group += fmt::format(" (row {})", row);  // the earlier row's group stays as it is
  }
}

constexpr std::string_view kTogether = "is scored together with";

// What is scored together stands or falls together.
void spread_to_groups(std::vector<Question>& questions) {
  std::unordered_map<std::string, std::string> first;
  for (const auto& question : questions) {
    if (!question.unusable.empty()) first.emplace(question.group, question.id);
  }
  for (auto& question : questions) {
    const auto found = first.find(question.group);
    if (found == first.end() || !question.unusable.empty()) continue;
    question.unusable = fmt::format("{} '{}', which cannot be used", kTogether, found->second);
  }
}

// Keeps whole groups, so that a shortened benchmark can still be scored.
void limit_questions(std::int64_t limit, std::vector<Question>& questions) {
  if (limit <= 0 || static_cast<std::int64_t>(questions.size()) <= limit) return;
  std::set<std::string> groups;
  for (std::int64_t i = 0; i < limit; ++i) groups.insert(questions[static_cast<std::size_t>(i)].group);
  std::erase_if(questions, [&](const Question& question) { return !groups.contains(question.group); });
}

[[noreturn]] void refuse_unusable(const BenchmarkOptions& options, const std::vector<Unusable>& unusable) {
  const std::string others = unusable.size() > 1 ? fmt::format(" (and {} others)", unusable.size() - 1) : "";
  const auto& cause = *std::find_if(unusable.begin(), unusable.end(),
                                    [](const Unusable& row) { return !row.reason.starts_with(kTogether); });
  throw UserError(ErrorKind::kInput,
                  fmt::format("{}: question '{}'{} cannot be used: {}", options.path, cause.id, others, cause.reason),
                  "Repair the benchmark's files; if pictures are missing, set `images` to their folder.");
}

std::vector<MetricStats> skill_metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                       std::span<const std::int32_t> clusters) {
  std::map<std::string, std::vector<std::size_t>> by_skill;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (!questions[i].skill.empty()) by_skill[questions[i].skill].push_back(i);
  }
  std::vector<MetricStats> metrics;
  for (const auto& [skill, rows] : by_skill) {
    Metric metric{.name = "skill/" + skill, .display = skill};
    std::vector<const Question*> members;
    std::vector<std::pair<std::int32_t, double>> items;
    for (const std::size_t i : rows) {
      members.push_back(&questions[i]);
      items.emplace_back(clusters[i], outcomes[i].score);
      metric.chance += 100 * guess_chance(questions[i]) / static_cast<double>(rows.size());
    }
    metric.majority = 100 * majority_share(members);
    metrics.push_back(percent_metric(std::move(metric), items));
  }
  return metrics;
}

}  // namespace

double MetricStats::value(std::span<const double> weights) const {
  std::vector<double> sums(static_cast<std::size_t>(slots), 0.0);
  for (const auto& entry : entries) {
    sums[static_cast<std::size_t>(entry.slot)] += weights[static_cast<std::size_t>(entry.cluster)] * entry.amount;
  }
  return formula(sums);
}

const MetricStats* ScoredBenchmark::find(const std::string& metric) const {
  for (const auto& candidate : metrics) {
    if (candidate.metric.name == metric) return &candidate;
  }
  return nullptr;
}

Benchmark::Benchmark(BenchmarkOptions options) : options_(std::move(options)) {
  if (options_.name.empty()) options_.name = options_.kind;
}

std::string sentence_on(const std::vector<Unusable>& unusable) {
  const auto& first = unusable.front();
  return unusable.size() == 1
             ? fmt::format("question '{}' cannot be asked: {}", first.id, first.reason)
             : fmt::format("{} questions cannot be asked, the first '{}': {}", unusable.size(), first.id, first.reason);
}

Loaded Benchmark::load_usable(const std::string& image_cache, PictureCheck pictures) const {
  if (!std::filesystem::exists(options_.path)) {
    throw UserError(ErrorKind::kInput, fmt::format("benchmark '{}': {} does not exist", name(), options_.path),
                    "Set its `path` to where the benchmark lies.");
  }
  std::vector<Question> rows = read(image_cache);
  if (rows.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("{}: holds no questions for '{}'", options_.path, options_.kind));
  }
  Loaded loaded;
  loaded.notes = notes(rows);
  check_ids(rows);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].row = static_cast<std::int64_t>(i);
  limit_questions(options_.limit, rows);
  if (pictures != PictureCheck::kNone) check_images(rows, pictures == PictureCheck::kDecode);
  spread_to_groups(rows);
  for (auto& question : rows) {
    if (!question.unusable.empty()) {
      loaded.unusable.push_back({question.id, question.unusable, question.row});
      continue;
    }
    question.row = static_cast<std::int64_t>(loaded.questions.size());
    loaded.questions.push_back(std::move(question));
  }
  if (loaded.questions.empty()) refuse_unusable(options_, loaded.unusable);
  tag_skills(options_, loaded.questions);
  // A column that these questions do not have would be noticed only when the last answer is scored.
  if (!options_.columns.empty()) aggregate(loaded.questions, std::vector<Outcome>(loaded.questions.size()));
  return loaded;
}

std::vector<Question> Benchmark::load(const std::string& image_cache, PictureCheck pictures) const {
  Loaded loaded = load_usable(image_cache, pictures);
  if (!loaded.unusable.empty()) refuse_unusable(options_, loaded.unusable);
  return std::move(loaded.questions);
}

std::string Benchmark::fingerprint() const {
  Sha256 hash;
  for (const auto& file : annotation_files()) hash.update(sha256_file(file));
  return hash.finish();
}

double Benchmark::score(const Question& question, const Parsed& parsed) const {
  const bool right = !parsed.value.empty() && !question.answers.empty() && parsed.value == question.answers.front();
  return right ? 1 : 0;
}

Outcome Benchmark::judge(const Question& question, const std::string& raw) const {
  Outcome outcome{parse(question, raw), 0};
  outcome.score = score(question, outcome.parsed);
  return outcome;
}

ScoredBenchmark Benchmark::aggregate(std::span<const Question> questions, std::span<const Outcome> outcomes) const {
  SCALSELECT_CHECK(questions.size() == outcomes.size());
  ScoredBenchmark scored{.name = name(), .family = family(), .clusters = {}, .metrics = {}, .unreadable = 0};
  std::set<Cluster> clusters;
  for (const auto& question : questions) clusters.insert({question.stratum, question.cluster});
  scored.clusters.assign(clusters.begin(), clusters.end());
  std::vector<std::int32_t> of_question;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Cluster cluster{questions[i].stratum, questions[i].cluster};
    const auto place = std::lower_bound(scored.clusters.begin(), scored.clusters.end(), cluster);
    of_question.push_back(static_cast<std::int32_t>(place - scored.clusters.begin()));
    if (outcomes[i].parsed.rule == "none") scored.unreadable += 1.0 / static_cast<double>(questions.size());
  }
  const bool references = std::any_of(questions.begin(), questions.end(),
                                      [](const Question& question) { return !question.answers.empty(); });
  if (!references && references_optional()) return scored;
  scored.metrics = metrics(questions, outcomes, of_question);
  const auto columns = options_.columns.empty() ? default_columns() : options_.columns;
  for (const auto& column : columns) {
    const auto found = std::find_if(scored.metrics.begin(), scored.metrics.end(),
                                    [&](const MetricStats& stats) { return stats.metric.name == column; });
    if (found != scored.metrics.end()) {
      found->metric.column = true;
    } else if (!options_.columns.empty()) {
      std::vector<std::string> names;
      for (const auto& stats : scored.metrics) names.push_back(stats.metric.name);
      throw UserError(ErrorKind::kUsage,
                      fmt::format("benchmark '{}' has no metric '{}'.{}", name(), column, did_you_mean(column, names)),
                      "Set `columns` to metrics that it has, e.g. " + names.front() + ".");
    }
  }
  std::stable_partition(scored.metrics.begin(), scored.metrics.end(),
                        [](const MetricStats& stats) { return stats.metric.column; });
  for (auto& stats : skill_metrics(questions, outcomes, of_question)) scored.metrics.push_back(std::move(stats));
  const std::vector<double> ones(scored.clusters.size(), 1.0);
  for (auto& stats : scored.metrics) stats.metric.value = stats.value(ones);
  return scored;
}

}  // namespace scalselect::eval
