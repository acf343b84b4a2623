// Similarities between rows of a table, for methods that compare pairs. No N x N matrix is made here.
//
// cosine: <x, y> / (|x| |y|), raw, from -1 to 1 (facility location counts negative values as 0, see there).
// cosine_shifted: (1 + cosine) / 2, as in DeepCore. dot: <x, y>. rbf: exp(-gamma |x - y|^2).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "baselines/table_rows.h"
#include "core/options.h"

namespace scalselect {

enum class Metric { kCosine, kCosineShifted, kDot, kRbf };

struct SimilarityOptions {
  Metric metric = Metric::kCosine;
  std::optional<double> gamma;

  /// Names both options among those of the method that has them.
  template <class Visitor>
  static void describe(Visitor& v, SimilarityOptions& o) {
    v.choice("metric", o.metric,
             {{"cosine", Metric::kCosine},
              {"cosine_shifted", Metric::kCosineShifted},
              {"dot", Metric::kDot},
              {"rbf", Metric::kRbf}},
             "similarity of two vectors; cosine_shifted is (1 + cosine) / 2");
    v.field("gamma", o.gamma, "metric=rbf: exp(-gamma |x - y|^2); null = 1 / the mean squared distance of two rows",
            Range{0, 1e12});
  }
  bool normalized() const { return metric == Metric::kCosine || metric == Metric::kCosineShifted; }
};

/// Similarities of the rows of `table`, which the caller keeps alive and has scaled to length 1 for the cosines
/// (`SimilarityOptions::normalized`). Calls may come from several threads.
class Similarity {
 public:
  Similarity(const TableRows& table, const SimilarityOptions& options);

  std::int64_t size() const { return table_.size(); }
  /// In float32 and without BLAS (`dot`, summed squared differences), so that at(i, j) == at(j, i) to the bit. at(i, i)
  /// is exactly 1 for the cosines and rbf, so that rounding does not rank rows (0 and 0.5 for the cosines of a row of
  /// length 0).
  float at(std::int64_t i, std::int64_t j) const;
  /// out (size() floats) = at(i, j) for all i, in parallel.
  void column(std::int64_t j, float* out) const;
  /// Sum over all rows i of at(i, j), for every j, in float64: O(N d), for rbf O(N^2 d).
  std::vector<double> column_sums() const;
  /// gamma in use.
  double gamma() const { return gamma_; }

 private:
  const TableRows& table_;
  Metric metric_;
  double gamma_ = 0;
};

/// The whole matrix of `at`, N x N row-major; N^2 floats. Throws UserError(kEnvironment) naming `method` if that is
/// more than the machine has free.
std::vector<float> similarity_matrix(const Similarity& similarity, std::string_view method);

}  // namespace scalselect
