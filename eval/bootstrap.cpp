#include "eval/bootstrap.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "eval/metrics.h"

namespace scalselect::eval {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Clusters of all benchmarks that share their draws, and the ranges of equal strata.
struct Family {
  std::string name;
  std::vector<Cluster> clusters;  // sorted, unique
  std::vector<std::pair<std::size_t, std::size_t>> strata;
};

// A column of one run, its clusters renumbered by family.
struct RunColumn {
  std::size_t family = 0;
  std::int32_t slots = 0;
  std::vector<MetricStats::Entry> entries;  // ordered by cluster
  std::function<double(std::span<const double>)> formula;
};

struct Run {
  std::vector<RunColumn> columns;
};

using Weights = std::vector<std::vector<double>>;  // family, cluster

double weighted_value(const RunColumn& column, const Weights& weights, std::vector<double>& sums) {
  sums.assign(static_cast<std::size_t>(column.slots), 0.0);
  const double* weight = weights[column.family].data();
  for (const auto& entry : column.entries)
    sums[static_cast<std::size_t>(entry.slot)] += weight[entry.cluster] * entry.amount;
  return column.formula(sums);
}

std::vector<Family> collect_families(const MethodRun& run) {
  std::vector<Family> families;
  for (const auto& bench : run.benchmarks) {
    auto family =
        std::find_if(families.begin(), families.end(), [&](const Family& f) { return f.name == bench.family; });
    if (family == families.end()) family = families.insert(families.end(), Family{bench.family, {}, {}});
    family->clusters.insert(family->clusters.end(), bench.clusters.begin(), bench.clusters.end());
  }
  for (auto& family : families) {
    auto& clusters = family.clusters;
    std::sort(clusters.begin(), clusters.end());
    clusters.erase(std::unique(clusters.begin(), clusters.end()), clusters.end());
    for (std::size_t begin = 0, end = 0; begin < clusters.size(); begin = end) {
      while (end < clusters.size() && clusters[end].stratum == clusters[begin].stratum) ++end;
      family.strata.emplace_back(begin, end);
    }
  }
  return families;
}

Run flatten(const MethodRun& run, const std::vector<Family>& families) {
  Run flat;
  for (const auto& bench : run.benchmarks) {
    const auto family =
        std::find_if(families.begin(), families.end(), [&](const Family& f) { return f.name == bench.family; });
    std::vector<std::int32_t> place;
    for (const auto& cluster : bench.clusters) {
      const auto found = std::lower_bound(family->clusters.begin(), family->clusters.end(), cluster);
      place.push_back(static_cast<std::int32_t>(found - family->clusters.begin()));
    }
    for (const auto& stats : bench.metrics) {
      if (!stats.metric.column) continue;
      RunColumn column{static_cast<std::size_t>(family - families.begin()), stats.slots, stats.entries, stats.formula};
      for (auto& entry : column.entries) entry.cluster = place[static_cast<std::size_t>(entry.cluster)];
      flat.columns.push_back(std::move(column));
    }
  }
  return flat;
}

void check_same_questions(const MethodRun& run, const MethodRun& first) {
  const auto fail = [&](const std::string& what) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("runs '{}' (seed {}) and '{}' (seed {}) were scored on different {}", first.method,
                                first.seed, run.method, run.seed, what),
                    "Paired intervals need the same benchmarks and questions: evaluate them again.");
  };
  if (run.benchmarks.size() != first.benchmarks.size()) fail("benchmarks");
  for (std::size_t i = 0; i < run.benchmarks.size(); ++i) {
    const auto &a = run.benchmarks[i], &b = first.benchmarks[i];
    if (a.name != b.name || a.family != b.family) fail("benchmarks");
    std::vector<std::string> columns, expected;
    for (const auto& stats : a.metrics)
      if (stats.metric.column) columns.push_back(stats.metric.name);
    for (const auto& stats : b.metrics)
      if (stats.metric.column) expected.push_back(stats.metric.name);
    if (columns != expected) fail("columns of " + a.name);
    const auto questions = [](const ScoredBenchmark& bench) {
      return bench.metrics.empty() ? std::int64_t{0} : bench.metrics.front().metric.questions;
    };
    if (a.clusters != b.clusters || questions(a) != questions(b)) fail("questions of " + a.name);
  }
}

// How often each cluster was drawn in replicate `b`.
void draw_clusters(const std::vector<Family>& families, std::uint64_t seed, std::int64_t b, Weights& weights) {
  weights.resize(families.size());
  for (std::size_t f = 0; f < families.size(); ++f) {
    Rng rng(seed, fmt::format("eval/bootstrap/{}/{}", families[f].name, b));
    weights[f].assign(families[f].clusters.size(), 0.0);
    for (const auto& [begin, end] : families[f].strata) {
      for (std::size_t i = begin; i < end; ++i) weights[f][begin + rng.below(end - begin)] += 1;
    }
  }
}

// How often each of a method's seeds counts in replicate `b`; methods with the same seeds get the same draw.
std::vector<double> draw_seeds(const std::vector<std::int64_t>& seeds, const BootstrapOptions& options,
                               std::int64_t b) {
  if (!options.resample_seeds || seeds.size() < 2) return std::vector<double>(seeds.size(), 1.0);
  Rng rng(options.seed, fmt::format("eval/bootstrap/seeds {}/{}", fmt::join(seeds, ","), b));
  std::vector<double> weights(seeds.size(), 0.0);
  for (std::size_t i = 0; i < seeds.size(); ++i) weights[rng.below(seeds.size())] += 1;
  return weights;
}

// The K values of `run`'s columns with each cluster left out in turn, family by family.
std::vector<double> leave_one_out(const Run& run, const std::vector<Family>& families,
                                  const std::vector<double>& full) {
  const std::size_t columns = run.columns.size();
  std::vector<double> result;
  std::size_t first = 0;
  std::size_t total = 0;
  for (const auto& family : families) total += family.clusters.size();
  for (std::size_t c = 0; c < total; ++c) result.insert(result.end(), full.begin(), full.end());
  for (std::size_t f = 0; f < families.size(); first += families[f].clusters.size(), ++f) {
    for (std::size_t k = 0; k < columns; ++k) {
      const RunColumn& column = run.columns[k];
      if (column.family != f) continue;
      std::vector<double> sums(static_cast<std::size_t>(column.slots), 0.0);
      for (const auto& entry : column.entries) sums[static_cast<std::size_t>(entry.slot)] += entry.amount;
      for (std::size_t at = 0; at < column.entries.size();) {
        const auto cluster = column.entries[at].cluster;
        std::vector<double> rest = sums;
        for (; at < column.entries.size() && column.entries[at].cluster == cluster; ++at) {
          rest[static_cast<std::size_t>(column.entries[at].slot)] -= column.entries[at].amount;
        }
        result[(first + static_cast<std::size_t>(cluster)) * columns + k] = column.formula(rest);
      }
    }
  }
  return result;
}

void check_memory(std::int64_t replicates, std::size_t methods, std::size_t columns) {
  const double each = static_cast<double>(methods * columns * sizeof(double));
  const double bytes = each * static_cast<double>(replicates);
  if (bytes <= PairedBootstrap::kMostBytes) return;
  constexpr double kGiB = 1 << 30;
  throw UserError(
      ErrorKind::kUsage,
      fmt::format(
          "{} bootstrap replicates of {} methods and {} columns would take {:.1f} GiB, more than the {:.0f} GiB "
          "allowed.",
          replicates, methods, columns, bytes / kGiB, PairedBootstrap::kMostBytes / kGiB),
      fmt::format("Set eval.bootstrap.replicates to {:.0f} at most; 10000 are enough for 95 % intervals.",
                  std::floor(PairedBootstrap::kMostBytes / each)));
}

// A method's runs in order of their seeds.
struct Method {
  std::vector<std::int64_t> seeds;
  std::vector<Run> runs;
};

}  // namespace

PairedBootstrap::PairedBootstrap(std::span<const MethodRun> runs, const std::string& reference,
                                 const BootstrapOptions& options)
    : options_(options) {
  if (runs.empty()) throw UserError(ErrorKind::kUsage, "there are no evaluated runs to compare");
  const std::vector<Family> families = collect_families(runs.front());
  for (const auto& bench : runs.front().benchmarks) {
    for (const auto& stats : bench.metrics)
      if (stats.metric.column) columns_.push_back(stats.metric);
  }
  if (columns_.empty()) throw UserError(ErrorKind::kUsage, "no benchmark has a table column", "Set `columns`.");
  std::vector<Method> methods;
  std::vector<const MethodRun*> ordered;
  for (const auto& run : runs) ordered.push_back(&run);
  for (const auto& run : runs) {
    if (std::find(methods_.begin(), methods_.end(), run.method) == methods_.end()) methods_.push_back(run.method);
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) { return a->seed < b->seed; });
  methods.resize(methods_.size());
  for (const auto* run : ordered) {
    check_same_questions(*run, runs.front());
    Method& method = methods[index(run->method)];
    if (!method.seeds.empty() && method.seeds.back() == run->seed) {
      throw UserError(ErrorKind::kUsage, fmt::format("method '{}' has two runs with seed {}", run->method, run->seed));
    }
    method.seeds.push_back(run->seed);
    method.runs.push_back(flatten(*run, families));
  }
  if (std::find(methods_.begin(), methods_.end(), reference) == methods_.end()) {
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("the reference '{}' is not among the runs.{}", reference, did_you_mean(reference, methods_)),
        "Rel. needs the model that was trained on the full pool.");
  }
  reference_ = index(reference);

  for (const auto& method : methods) seeds_.push_back(method.seeds);

  const std::size_t columns = columns_.size();
  check_memory(options_.replicates, methods.size(), columns);
  Weights ones;
  for (const auto& family : families) ones.emplace_back(family.clusters.size(), 1.0);
  std::vector<double> sums;
  for (const auto& method : methods) {
    auto& per_seed = by_seed_.emplace_back();
    auto& mean = point_.emplace_back(columns, 0.0);
    auto& jackknife = jackknife_.emplace_back();
    for (const auto& run : method.runs) {
      auto& values = per_seed.emplace_back();
      for (const auto& column : run.columns) values.push_back(weighted_value(column, ones, sums));
      for (std::size_t k = 0; k < columns; ++k) mean[k] += values[k] / static_cast<double>(method.runs.size());
      if (!options_.bca) continue;
      const auto rest = leave_one_out(run, families, values);
      jackknife.resize(rest.size(), 0.0);
      for (std::size_t i = 0; i < rest.size(); ++i) jackknife[i] += rest[i] / static_cast<double>(method.runs.size());
    }
  }
  find_left_out();
  replicates_.assign(methods.size(), std::vector<double>(static_cast<std::size_t>(options_.replicates) * columns, 0.0));
  parallel_blocks(options_.replicates, 64, [&](std::int64_t begin, std::int64_t end) {
    Weights weights;
    std::vector<double> scratch;
    for (std::int64_t b = begin; b < end; ++b) {
      draw_clusters(families, options_.seed, b, weights);
      for (std::size_t m = 0; m < methods.size(); ++m) {
        const auto seed_weights = draw_seeds(methods[m].seeds, options_, b);
        double* out = replicates_[m].data() + static_cast<std::size_t>(b) * columns;
        for (std::size_t r = 0; r < methods[m].runs.size(); ++r) {
          if (seed_weights[r] == 0) continue;
          const double share = seed_weights[r] / static_cast<double>(methods[m].runs.size());
          for (std::size_t k = 0; k < columns; ++k) {
            out[k] += share * weighted_value(methods[m].runs[r].columns[k], weights, scratch);
          }
        }
      }
    }
  });
}

std::size_t PairedBootstrap::index(const std::string& method) const {
  const auto found = std::find(methods_.begin(), methods_.end(), method);
  if (found == methods_.end()) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("there is no evaluated run of '{}'.{}", method, did_you_mean(method, methods_)));
  }
  return static_cast<std::size_t>(found - methods_.begin());
}

void PairedBootstrap::find_left_out() {
  for (std::size_t k = 0; k < columns_.size(); ++k) {
    if (point_[reference_][k] == 0) left_out_.push_back(k);
    if (point_[reference_][k] == columns_[k].chance) left_out_above_chance_.push_back(k);
  }
}

const std::vector<std::size_t>& PairedBootstrap::left_out(Score score) const {
  return score == Score::kRelAboveChance ? left_out_above_chance_ : left_out_;
}

double PairedBootstrap::score(std::span<const double> columns, std::span<const double> reference, Score which) const {
  const auto& out = left_out(which);
  std::vector<double> scores, full, chance;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    if (std::binary_search(out.begin(), out.end(), k)) continue;
    scores.push_back(columns[k]);
    full.push_back(reference[k]);
    chance.push_back(columns_[k].chance);
  }
  if (scores.empty()) return kNan;
  switch (which) {
    case Score::kRelAboveChance: return relative_above_chance(scores, full, chance);
    case Score::kRelGeometric: return relative_geometric(scores, full);
    default: return relative_performance(scores, full);
  }
}

std::vector<double> PairedBootstrap::values_of(const std::vector<std::vector<double>>& table,
                                               const Statistic& statistic) const {
  const std::size_t columns = columns_.size();
  std::vector<double> values;
  for (std::size_t at = 0; at + columns <= table.front().size(); at += columns)
    values.push_back(statistic({&table, at, columns}));
  return values;
}

Interval PairedBootstrap::interval(double value, const std::vector<double>& sorted,
                                   const std::vector<double>& jackknife) const {
  double low = (1 - options_.level) / 2, high = 1 - low;
  if (options_.bca && sorted.front() < sorted.back()) {
    const auto count = static_cast<double>(sorted.size());
    const auto below = std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin();
    const auto upto = std::upper_bound(sorted.begin(), sorted.end(), value) - sorted.begin();
    const double share = std::clamp(static_cast<double>(below + upto) / 2 / count, 0.5 / count, 1 - 0.5 / count);
    double mean = 0, squares = 0, cubes = 0;
    for (const double x : jackknife) mean += x / static_cast<double>(jackknife.size());
    for (const double x : jackknife) squares += (mean - x) * (mean - x), cubes += std::pow(mean - x, 3);
    const double acceleration = squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0;
    const double bias = normal_quantile(share);
    for (double* level : {&low, &high}) {
      const double z = bias + normal_quantile(*level);
      *level = normal_cdf(bias + z / (1 - acceleration * z));
    }
  }
  return {quantile(sorted, low), quantile(sorted, high)};
}

// Of the value, and what it is made of. `variance`: of the replicates, whose part for the seeds is too small. Methods
// that ran the same seeds share their draws, so a seed is left out of all of them at once.
double PairedBootstrap::standard_error(const Statistic& statistic, double variance, Estimate& estimate) const {
  estimate.question_error = std::sqrt(variance);
  std::map<std::vector<std::int64_t>, std::vector<std::size_t>> groups;
  for (std::size_t m = 0; m < seeds_.size(); ++m) {
    if (options_.resample_seeds && seeds_[m].size() > 1) groups[seeds_[m]].push_back(m);
  }
  double total = 0, drawn = 0, squares = 0, deviation = 0;
  for (const auto& [seeds, members] : groups) {
    const auto count = static_cast<double>(seeds.size());
    std::vector<double> values;
    auto means = point_;
    for (std::size_t left = 0; left < seeds.size(); ++left) {
      for (const auto m : members) {
        for (std::size_t k = 0; k < columns_.size(); ++k)
          means[m][k] = (count * point_[m][k] - by_seed_[m][left][k]) / (count - 1);
      }
      values.push_back(statistic({&means, 0, columns_.size()}));
    }
    double mean = 0, sum = 0;
    for (const double value : values) mean += value / count;
    for (const double value : values) sum += (value - mean) * (value - mean);
    const double part = (count - 1) / count * sum;
    total += part;
    drawn += part * (count - 1) / count;
    squares += part * part / (count - 1);
    deviation += part * count;
  }
  if (!(total > 0)) return estimate.question_error;
  const double questions = std::max(0.0, variance - drawn);
  estimate.question_error = std::sqrt(questions);
  estimate.seed_deviation = std::sqrt(deviation);
  estimate.freedom = (questions + total) * (questions + total) / squares;
  return std::sqrt(questions + total);
}

Estimate PairedBootstrap::estimate(const Statistic& statistic, bool against_zero) const {
  const double value = statistic({&point_, 0, columns_.size()});
  Estimate result{value, {kNan, kNan}, kNan};
  auto replicates = values_of(replicates_, statistic);
  const auto finite = [](double x) { return std::isfinite(x); };
  if (!finite(value) || !std::all_of(replicates.begin(), replicates.end(), finite)) return result;
  const auto count = static_cast<double>(replicates.size());
  double mean = 0, variance = 0;
  for (const double x : replicates) mean += x / count;
  for (const double x : replicates) variance += (x - mean) * (x - mean) / count;
  const double error = standard_error(statistic, variance, result);
  if (std::isfinite(result.freedom)) {
    const double half = student_t_quantile((1 + options_.level) / 2, result.freedom) * error;
    result.interval = {value - half, value + half};
    if (against_zero) result.p = 2 * student_t_cdf(-std::abs(value) / error, result.freedom);
    return result;
  }
  std::sort(replicates.begin(), replicates.end());
  result.interval = interval(value, replicates, options_.bca ? values_of(jackknife_, statistic) : replicates);
  if (!against_zero) return result;
  const auto down = std::upper_bound(replicates.begin(), replicates.end(), 0.0) - replicates.begin();
  const auto up = replicates.end() - std::lower_bound(replicates.begin(), replicates.end(), 0.0);
  const auto least = static_cast<double>(std::min(up, down));
  result.p = std::min(1.0, 2 * (least + 1) / (count + 1));
  constexpr double kFew = 10;  // below, counting cannot tell small from smaller
  if (least < kFew && error > 0) result.p = std::min(result.p, 2 * normal_cdf(-std::abs(value) / error));
  return result;
}

Estimate PairedBootstrap::column(const std::string& method, std::size_t column) const {
  const std::size_t m = index(method);
  return estimate([&](const Columns& columns) { return columns(m)[column]; }, false);
}

Estimate PairedBootstrap::column_difference(const std::string& first, const std::string& second,
                                            std::size_t column) const {
  const std::size_t a = index(first), b = index(second);
  return estimate([&](const Columns& columns) { return columns(a)[column] - columns(b)[column]; }, true);
}

Estimate PairedBootstrap::relative(const std::string& method, Score which) const {
  const std::size_t m = index(method);
  return estimate([&](const Columns& columns) { return score(columns(m), columns(reference_), which); }, false);
}

Estimate PairedBootstrap::difference(const std::string& first, const std::string& second, Score which) const {
  const std::size_t a = index(first), b = index(second);
  return estimate(
      [&](const Columns& columns) {
        const auto full = columns(reference_);
        return score(columns(a), full, which) - score(columns(b), full, which);
      },
      true);
}

std::vector<double> PairedBootstrap::relative_by_seed(const std::string& method, Score which) const {
  std::vector<double> result;
  for (const auto& values : by_seed_[index(method)]) result.push_back(score(values, point_[reference_], which));
  return result;
}

std::vector<double> PairedBootstrap::column_by_seed(const std::string& method, std::size_t column) const {
  std::vector<double> result;
  for (const auto& values : by_seed_[index(method)]) result.push_back(values[column]);
  return result;
}

}  // namespace scalselect::eval
