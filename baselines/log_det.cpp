// Log-determinant: the greedy maximum a posteriori set of a determinantal point process with kernel S + ridge I, S the
// matrix of similarities (Chen, Zhang and Zhou 2018, algorithm 1): always the row of the largest determinant's growth.
//
// d_i^2 is what is left of row i's diagonal entry after the chosen rows; taking j gives every row i one more Cholesky
// coefficient e_i = (S_ij - <c_i, c_j>) / d_j, and d_i^2 falls by e_i^2. For cosine and dot S_ij = <x_i, x_j>, so
// e_i = <x_i, a> with one vector a per chosen row, and no coefficients are stored (exact, any N). Other metrics store
// them: M N floats. When nothing is left to gain (ridge = 0 and the rank used up), rows follow in ascending order.
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include "baselines/registry.h"
#include "baselines/similarity.h"
#include "core/parallel.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 1024;
/// Shares of the largest diagonal entry below this are rounding.
constexpr double kNothing = 1e-9;

struct LogDetOptions {
  SimilarityOptions similarity;
  double ridge = 1e-3;
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, LogDetOptions& o) {
    SimilarityOptions::describe(v, o.similarity);
    v.field("ridge", o.ridge, "added to the kernel's diagonal; without it no more rows count than vectors have columns",
            Range{0, 1e6});
    v.field("features", o.features, "vectors to spread; the options of scalselect (its subspace is not used)");
  }
};

/// Turns each chosen row into the coefficients e of all rows.
class Cholesky {
 public:
  virtual ~Cholesky() = default;
  /// out[i] = e_i for the chosen `row` with d = `root`.
  virtual void append(std::int64_t row, double root, float* out) = 0;
};

class LinearCholesky final : public Cholesky {
 public:
  LinearCholesky(const TableRows& table, std::int64_t budget) : table_(table) {
    require_memory(4.0 * static_cast<double>(budget) * static_cast<double>(table.cols), "log_det");
    directions_.reserve(static_cast<std::size_t>(budget * table.cols));
  }

  void append(std::int64_t row, double root, float* out) override {
    const float* direction = add_direction(table_.row(row), root);
    parallel_blocks(table_.size(), kBlock, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = dot(table_.row(i), direction, table_.cols);
    });
  }

 private:
  /// a = (x - sum over earlier a of <x, a> a) / d
  const float* add_direction(const float* x, double root) {
    const std::int64_t cols = table_.cols, known = static_cast<std::int64_t>(directions_.size()) / cols;
    std::vector<std::vector<double>> parts(static_cast<std::size_t>((known + kBlock - 1) / kBlock));
    parallel_blocks(known, kBlock, [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> part(static_cast<std::size_t>(cols), 0.0);
      for (std::int64_t t = begin; t < end; ++t) {
        const float* a = directions_.data() + t * cols;
        const double coefficient = dot(x, a, cols);
        for (std::int64_t j = 0; j < cols; ++j) part[static_cast<std::size_t>(j)] += coefficient * a[j];
      }
      parts[static_cast<std::size_t>(begin / kBlock)] = std::move(part);
    });
    std::vector<double> left(x, x + cols);
    for (const auto& part : parts) {
      for (std::size_t j = 0; j < left.size(); ++j) left[j] -= part[j];
    }
    for (const double value : left) directions_.push_back(static_cast<float>(value / root));
    return directions_.data() + known * cols;
  }

  const TableRows& table_;
  std::vector<float> directions_;
};

class StoredCholesky final : public Cholesky {
 public:
  StoredCholesky(const Similarity& similarity, std::int64_t budget) : similarity_(similarity) {
    require_memory(4.0 * static_cast<double>(budget) * static_cast<double>(similarity.size()), "log_det");
  }

  void append(std::int64_t row, double root, float* out) override {
    similarity_.column(row, out);
    parallel_blocks(similarity_.size(), kBlock, [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> left(out + begin, out + end);
      for (const auto& earlier : coefficients_) {
        const double own = earlier[static_cast<std::size_t>(row)];
        for (std::int64_t i = begin; i < end; ++i)
          left[static_cast<std::size_t>(i - begin)] -= own * earlier[static_cast<std::size_t>(i)];
      }
      for (std::int64_t i = begin; i < end; ++i)
        out[i] = static_cast<float>(left[static_cast<std::size_t>(i - begin)] / root);
    });
    coefficients_.emplace_back(out, out + similarity_.size());
  }

 private:
  const Similarity& similarity_;
  std::vector<std::vector<float>> coefficients_;
};

std::unique_ptr<Cholesky> cholesky_of(const LogDetOptions& options, const TableRows& table,
                                      const Similarity& similarity, std::int64_t budget) {
  const auto metric = options.similarity.metric;
  if (metric == Metric::kCosine || metric == Metric::kDot) return std::make_unique<LinearCholesky>(table, budget);
  return std::make_unique<StoredCholesky>(similarity, budget);
}

std::vector<double> diagonal(const LogDetOptions& options, const Similarity& similarity) {
  std::vector<double> left(static_cast<std::size_t>(similarity.size()));
  for (std::int64_t i = 0; i < similarity.size(); ++i)
    left[static_cast<std::size_t>(i)] = static_cast<double>(similarity.at(i, i)) + options.ridge;
  return left;
}

SelectionResult select(const LogDetOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto table = load_rows(input.features.at(0), input.candidates, options.similarity.normalized(), "log_det");
  const Similarity similarity(table, options.similarity);
  const auto cholesky = cholesky_of(options, table, similarity, budget);
  auto left = diagonal(options, similarity);
  const double nothing = kNothing * *std::max_element(left.begin(), left.end());
  std::vector<float> coefficients(left.size());
  SelectionResult result;
  double log_det = 0;
  while (static_cast<std::int64_t>(result.rows.size()) < budget) {
    const auto best = std::max_element(left.begin(), left.end());
    const auto chosen = best - left.begin();
    const double gain = *best;
    *best = -INFINITY;
    result.rows.push_back(table.rows[static_cast<std::size_t>(chosen)]);
    if (gain == 0) continue;
    log_det += std::log(gain);
    cholesky->append(chosen, std::sqrt(gain), coefficients.data());
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (left[i] == -INFINITY) continue;
      left[i] -= static_cast<double>(coefficients[i]) * coefficients[i];
      if (left[i] <= nothing) left[i] = 0;
    }
  }
  result.facts["log_det"] = log_det;
  return result;
}

Method make(const LogDetOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = BudgetUse::kPrefix,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry log_det_entry() {
  return method_entry(
      "log_det", "rows that span the largest volume (greedy k-DPP)",
      "cosine, dot: time O(M N d), memory (N + M) d floats; other metrics: time O(M^2 N + M N d), memory M N + N d "
      "floats; ScalSelect's features",
      "Chen, Zhang and Zhou, arXiv 1709.05135", make);
}

}  // namespace scalselect
