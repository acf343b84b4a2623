// COINCIDE (arXiv 2406.10995): clusters of concept and skill, a share for each by transferability and density, and
// within each the rows that represent it best.
//
// 1. Per layer: what attention adds to the residual stream, averaged over the visual tokens and, separately, over the
//    tokens after the image (question, answers, template); tanh of the means, each part scaled to length 1; all of them
//    side by side / sqrt(2 layers).
// 2. Spherical k-means from random rows.
// 3. Transferability S_c: mean cosine of centroid c with the others. Density D_c: mean Gaussian kernel inside c.
//    P = softmax(S / (tau D)).
// 4. Clusters by descending P: each gets round(R P) of the R rows still missing (half to even), P renormalised over the
//    clusters not yet visited, or all it has. Rows still missing at the end (the last clusters were too small; the
//    authors then return fewer) are shared out by further rounds of the same over what is left.
// 5. Within a cluster, greedy MMD (mmd.h).
//
// Where the authors' code and paper differ, both are options and the code, which made the published subsets, is the
// default: transferability from the language half of the centroids only (`transfer=language`; the paper: `all`),
// without pairs whose cosine exceeds 0.9 (`near=0.9`; the paper: none, `near=null`), and density over all ordered
// pairs, each row's with itself included (`self_pairs`). The features are those of the model that is given; the authors
// take a small VLM that has already been tuned on the pool (TinyLLaVA-2.0B, 24 layers: 4, 8, 12, 16, 20).
#include "baselines/coincide.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "baselines/kmeans.h"
#include "baselines/mmd.h"
#include "baselines/registry.h"
#include "baselines/table_rows.h"
#include "core/log.h"
#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kRowsPerCluster = 66;  // 10,000 clusters of LLaVA-665K

enum class Transfer { kLanguage, kAll };

/// Below this a mean of kernels is rounding.
constexpr double kLeastDensity = 1e-12;

struct CoincideOptions {
  std::vector<int> layers = {4, 8, 12, 16, 20};
  std::optional<std::int64_t> clusters;
  int iterations = 50;
  Transfer transfer = Transfer::kLanguage;
  std::optional<double> near = 0.9;
  bool self_pairs = true;
  double temperature = 0.1;
  double sigma = 1;

  template <class Visitor>
  static void describe(Visitor& v, CoincideOptions& o) {
    v.field("layers", o.layers, "decoder layers whose attention outputs make the features", Range{1, 1e4});
    v.field("clusters", o.clusters, "number of clusters; null: one per 66 rows, as in the paper", Range{1, 1e8});
    v.field("iterations", o.iterations, "passes of k-means", Range{0, 1e4});
    v.choice("transfer", o.transfer, {{"language", Transfer::kLanguage}, {"all", Transfer::kAll}},
             "part of the centroids that transferability compares");
    v.field("near", o.near, "centroids with a larger cosine are left out of transferability; null: none but itself",
            Range{-1, 1});
    v.field("self_pairs", o.self_pairs, "count a row's kernel with itself in the density");
    v.field("temperature", o.temperature, "tau", Range{1e-6, 1e6});
    v.field("sigma", o.sigma, "width of the Gaussian kernel", Range{1e-6, 1e6});
  }
};

/// The language half of each layer's [visual | language] columns: every second block of `width`.
std::vector<float> language_half(MatrixView centers, std::int64_t width) {
  std::vector<float> half;
  for (std::int64_t c = 0; c < centers.rows; ++c) {
    const auto row = centers.row(c);
    for (std::int64_t j = width; j < centers.cols; j += 2 * width) {
      half.insert(half.end(), row.begin() + j, row.begin() + j + width);
    }
  }
  return half;
}

void warn_of_collapse(const KMeansResult& clusters) {
  if (clusters.clusters < 4 || clusters.imbalance < 0.5 * static_cast<double>(clusters.clusters)) return;
  log_warning("coincide: the clusters have collapsed (imbalance {:.1f} of at most {}); are the features alike?",
              clusters.imbalance, clusters.clusters);
}

std::vector<std::vector<double>> means_of(const CoincideOptions& options, const TableRows& table,
                                          const std::vector<std::vector<std::int64_t>>& groups) {
  std::vector<std::vector<double>> means(groups.size());
  parallel_blocks(static_cast<std::int64_t>(groups.size()), 1, [&](std::int64_t c, std::int64_t) {
    const auto at = static_cast<std::size_t>(c);
    means[at] = kernel_means(table, groups[at], options.sigma);
  });
  return means;
}

/// At least kLeastDensity: without self pairs, the density of rows far apart is rounding, of either sign.
double density(const CoincideOptions& options, const std::vector<double>& means) {
  const double size = static_cast<double>(means.size());
  const double mean = std::accumulate(means.begin(), means.end(), 0.0) / size;
  if (options.self_pairs || means.size() == 1) return std::max(mean, kLeastDensity);
  return std::max((mean * size - 1) / (size - 1), kLeastDensity);  // without n kernels of 1 among n^2
}

/// S_c / D_c.
std::vector<double> scores_of(const CoincideOptions& options, const KMeansResult& clusters, MatrixView centers,
                              const std::vector<std::vector<double>>& means) {
  const auto width = centers.cols / static_cast<std::int64_t>(2 * options.layers.size());
  std::vector<float> half;
  if (options.transfer == Transfer::kLanguage) {
    half = language_half(centers, width);
    centers = {half.data(), centers.rows, centers.cols / 2};
  }
  auto scores = coincide::transferability(centers, clusters.sizes, options.near);
  for (std::size_t c = 0; c < scores.size(); ++c) {
    if (!means[c].empty()) scores[c] /= density(options, means[c]);
  }
  return scores;
}

SelectionResult select(const CoincideOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto table = coincide::joined_features(input.features, input.candidates);
  const auto clusters =
      kmeans(table.view(),
             {.clusters = options.clusters.value_or(std::max<std::int64_t>(1, table.size() / kRowsPerCluster)),
              .spherical = true,
              .init = KMeansInit::kRandom,
              .max_iterations = options.iterations},
             input.seed);
  warn_of_collapse(clusters);
  const auto groups = cluster_members(clusters.rows, clusters.clusters);
  const auto means = means_of(options, table, groups);
  const auto scores = scores_of(options, clusters, clusters.center_rows(table.cols), means);
  const auto quotas = coincide::share_out(scores, clusters.sizes, budget, options.temperature);

  std::vector<std::vector<std::int64_t>> picks(groups.size());
  parallel_blocks(static_cast<std::int64_t>(groups.size()), 1, [&](std::int64_t c, std::int64_t) {
    const auto at = static_cast<std::size_t>(c);
    picks[at] = greedy_mmd(table, groups[at], means[at], quotas[at], options.sigma);
  });
  SelectionResult result;
  for (const auto c : coincide::by_score(scores, clusters.sizes)) {
    for (const auto i : picks[static_cast<std::size_t>(c)]) {
      result.rows.push_back(table.rows[static_cast<std::size_t>(i)]);
    }
  }
  result.facts = {{"clusters", clusters.clusters},
                  {"imbalance", clusters.imbalance},
                  {"clusters_used", std::count_if(quotas.begin(), quotas.end(), [](auto n) { return n > 0; })}};
  return result;
}

std::vector<FeatureSpec> needs_of(const CoincideOptions& options) {
  std::vector<FeatureSpec> specs;
  for (const int layer : options.layers) {
    for (const auto tokens : {TokenSet::kVisual, TokenSet::kAfterImages}) {
      specs.push_back(HiddenMeanSpec{layer, tokens, TokenWeights::kUniform, LayerState::kAttention});
    }
  }
  return specs;
}

Method make(const CoincideOptions& options) {
  if (options.layers.empty()) {
    throw UserError(ErrorKind::kUsage, "'method.layers' of coincide is an empty list.", "Name at least one layer.");
  }
  return {.needs = needs_of(options),
          .budget_use = BudgetUse::kEach,
          .uses_seed = true,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry coincide_entry() {
  return method_entry(
      "coincide", "clusters of concept and skill, budgeted by transferability and density, greedy MMD within each",
      "forward pass to the last layer named; D = 2 d layers: k-means O(N K D) per pass, then O(D sum n_c^2) over "
      "clusters of n_c rows; memory N D floats",
      "arXiv 2406.10995; G-JWLee/COINCIDE_code", make);
}

}  // namespace scalselect
