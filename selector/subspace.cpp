#include "selector/subspace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "selector/linalg.h"
#include "selector/subspace_kernels.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlockValues = 4'000'000;  // 32 MB of float64
constexpr double kGramLimit = 1e-6;               // smallest s_k^2 / s_1^2 that the Gram matrix resolves well
constexpr std::int64_t kRowsAtOnce = 256;         // that one thread prepares at a time
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

/// What the steps before the SVD do to a row.
struct Preparation {
  Eigen::RowVectorXd mean;   // zeros without centring
  Eigen::RowVectorXd scale;  // 1 / std, or ones
  bool l2 = false;

  void apply(Eigen::Ref<RowMajorMatrixXd> z) const {
    parallel_blocks(z.rows(), kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      for (auto row : z.middleRows(begin, end - begin).rowwise()) {
        row = (row - mean).cwiseProduct(scale);
        const double length = l2 ? row.norm() : 0;
        if (length > 0) row *= 1 / length;
      }
    });
  }
};

using Block = Eigen::Map<RowMajorMatrixXd>;

/// Calls `use(rows, z)` for each block of the stream with at least one finite row: their numbers in the source, and
/// the rows as float64. Appends the others' numbers to `excluded`, if given.
template <class Use>
void for_each_finite(const RowSource& source, std::vector<std::int64_t>* excluded, const Use& use) {
  const auto block_rows = subspace_block_rows(source.cols());
  RowMajorMatrixXd values(std::min(block_rows, source.rows()), source.cols());
  for_each_block(source, block_rows, [&](std::int64_t first, const ConstRows& block) {
    auto rows = finite_rows(block);
    const Block z(values.data(), static_cast<std::int64_t>(rows.size()), source.cols());
    parallel_blocks(z.rows(), kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        Block(z).row(i) = block.row(rows[static_cast<std::size_t>(i)]).cast<double>();
      }
    });
    for (std::int64_t i = 0, next = 0; excluded != nullptr && i < block.rows(); ++i) {
      if (next < z.rows() && rows[static_cast<std::size_t>(next)] == i) ++next;
      else excluded->push_back(first + i);
    }
    for (auto& row : rows) row += first;
    if (!rows.empty()) use(rows, z);
  });
}

ConstRowsXd as_const(const Block& z) { return {z.data(), z.rows(), z.cols()}; }

/// Mean and centred Gram matrix of a stream, merged block by block.
struct Moments {
  std::int64_t count = 0;
  Eigen::RowVectorXd mean;
  RowMajorMatrixXd gram;  // lower triangle; empty until `finish`
  SubspaceKernels& kernels;

  Moments(std::int64_t cols, SubspaceKernels& computing) : mean(Eigen::RowVectorXd::Zero(cols)), kernels(computing) {
    kernels.start_gram(cols);
  }

  /// Adds a block and leaves its rows centred on the block's own mean.
  void add(Block z) {
    Eigen::RowVectorXd block_mean = Eigen::RowVectorXd::Zero(z.cols());
    for (const auto row : z.rowwise()) block_mean += row;
    const auto before = static_cast<double>(count), now = static_cast<double>(z.rows()), all = before + now;
    block_mean /= now;
    parallel_blocks(z.rows(), kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      z.middleRows(begin, end - begin).rowwise() -= block_mean;
    });
    kernels.add_rows(as_const(z));
    block_mean -= mean;
    if (count > 0) kernels.add_outer(block_mean.transpose(), before * now / all);
    mean += block_mean * (now / all);
    count += z.rows();
  }

  void finish() { gram = kernels.finish_gram(); }
};

Preparation prepare(const Moments& moments, const SubspaceOptions& options) {
  const auto cols = moments.mean.size();
  Preparation preparation{moments.mean, Eigen::RowVectorXd::Ones(cols), options.l2_normalize};
  if (!options.center) preparation.mean.setZero();
  for (Eigen::Index j = 0; options.standardize && j < cols; ++j) {
    const double variance = moments.gram(j, j) / static_cast<double>(moments.count);
    if (variance > 0) preparation.scale(j) = 1.0 / std::sqrt(variance);
  }
  return preparation;
}

/// The Gram matrix of the prepared rows: from the centred one, or by one more pass if rows are normalised.
RowMajorMatrixXd prepared_gram(const RowSource& source, Moments& moments, const Preparation& preparation, bool center) {
  if (preparation.l2) {
    moments.gram = {};
    moments.kernels.start_gram(source.cols());
    for_each_finite(source, nullptr, [&](const std::vector<std::int64_t>&, const Block& z) {
      preparation.apply(z);
      moments.kernels.add_rows(as_const(z));
    });
    return moments.kernels.finish_gram();
  }
  RowMajorMatrixXd gram = std::move(moments.gram);
  if (!center) add_outer(moments.mean.transpose(), static_cast<double>(moments.count), gram);
  for (std::int64_t i = 0; i < gram.rows(); ++i) {
    gram.row(i).head(i + 1).array() *= preparation.scale(i) * preparation.scale.head(i + 1).array();
  }
  return gram;
}

/// Smallest k that reaches the energy, or the fixed one, but never beyond the numerical rank.
std::int64_t choose_directions(const Eigen::VectorXd& energy, std::int64_t rank, const SubspaceOptions& options) {
  if (rank == 0) return 0;
  if (options.directions) return std::min(*options.directions, rank);
  const double total = std::accumulate(energy.begin(), energy.end(), 0.0);
  double sum = 0;
  for (std::int64_t k = 0; k < rank; ++k) {
    sum += energy(k);
    if (sum >= options.energy * total) return k + 1;
  }
  return rank;
}

std::int64_t numerical_rank(const Eigen::VectorXd& energy, double relative) {
  return (energy.array() > energy(0) * relative * relative).count();
}

/// Squared singular values and directions of the rows with this Gram matrix.
Spectrum eigen_spectrum(RowMajorMatrixXd gram, SubspaceKernels& kernels) {
  auto spectrum = kernels.symmetric_eigen(std::move(gram));
  spectrum.values = spectrum.values.cwiseMax(0.0);
  return spectrum;
}

/// One more pass over Y = Z V (L + s)^(-1/2), which is well conditioned: Y^T Y = P M P^T, so that the matrix
/// R = M^(1/2) P^T (L + s)^(1/2) has the singular values of Z, and its right vectors are those of Z in the basis V.
Spectrum refine(const RowSource& source, const Preparation& preparation, const Spectrum& first,
                SubspaceKernels& kernels) {
  const auto cols = source.cols();
  // The Gram matrix knows eigenvalues to about d * eps * l_1; the shift keeps those below it from being blown up.
  const double shift = static_cast<double>(cols) * kEpsilon * first.values(0);
  const Eigen::ArrayXd root = (first.values.array() + shift).sqrt();
  kernels.set_basis(first.vectors.array().colwise() / root);
  kernels.start_gram(cols);
  {
    RowMajorMatrixXd projected(std::min(subspace_block_rows(cols), source.rows()), cols);
    for_each_finite(source, nullptr, [&](const std::vector<std::int64_t>&, const Block& z) {
      preparation.apply(z);
      const Block y(projected.data(), z.rows(), cols);
      kernels.project(as_const(z), y);
      kernels.add_rows(as_const(y));
    });
  }
  kernels.set_basis({});
  Spectrum inner = eigen_spectrum(kernels.finish_gram(), kernels);
  inner.vectors.array().colwise() *= inner.values.array().sqrt();
  inner.vectors.array().rowwise() *= root.transpose();
  auto [values, right] = singular_values(std::move(inner.vectors));
  return {values.cwiseAbs2(), right * first.vectors};
}

/// Leverage of every finite row.
void score(const RowSource& source, const Preparation& preparation, const Spectrum& spectrum, SubspaceScores& result,
           SubspaceDetails* details, SubspaceKernels& kernels) {
  const auto cols = source.cols(), k = result.directions;
  const auto energy = spectrum.values.head(k);
  kernels.set_basis(spectrum.vectors.topRows(k).array().colwise() * energy.array().rsqrt());
  RowMajorMatrixXd projected(std::min(subspace_block_rows(cols), source.rows()), k);
  for_each_finite(source, nullptr, [&](const std::vector<std::int64_t>& rows, Block z) {
    preparation.apply(z);
    const Block u(projected.data(), z.rows(), k);
    if (k > 0) kernels.project(as_const(z), u);
    parallel_blocks(z.rows(), kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto row = rows[static_cast<std::size_t>(i)];
        result.scores[static_cast<std::size_t>(row)] = u.row(i).squaredNorm();
        if (details == nullptr) continue;
        const double outside = z.row(i).squaredNorm() - u.row(i).cwiseAbs2().dot(energy.transpose());
        details->residuals[static_cast<std::size_t>(row)] = std::max(outside, 0.0);
        std::copy_n(u.data() + i * k, k, details->coordinates.begin() + row * k);
      }
    });
  });
}

SubspaceScores score_in_memory_bound(const RowSource& source, const SubspaceOptions& options,
                                     SubspaceDetails* details) {
  const auto kernels = make_subspace_kernels();
  SubspaceScores result;
  result.scores.assign(static_cast<std::size_t>(source.rows()), std::numeric_limits<double>::quiet_NaN());
  Moments moments(source.cols(), *kernels);
  for_each_finite(source, &result.excluded, [&](const std::vector<std::int64_t>&, const Block& z) { moments.add(z); });
  if (moments.count == 0) {
    throw UserError(ErrorKind::kInput, "No row of the features is finite.", "Extract the features again.");
  }
  moments.finish();
  result.mean.assign(moments.mean.begin(), moments.mean.end());
  const auto preparation = prepare(moments, options);
  Spectrum spectrum = eigen_spectrum(prepared_gram(source, moments, preparation, options.center), *kernels);
  const auto count = moments.count, size = std::max(count, source.cols());
  // What the Gram matrix can resolve: whether the kept directions are well above its own rounding.
  std::int64_t k = choose_directions(spectrum.values, numerical_rank(spectrum.values, 0), options);
  result.refined = k > 0 && spectrum.values(k - 1) < kGramLimit * spectrum.values(0);
  if (result.refined) spectrum = refine(source, preparation, spectrum, *kernels);
  result.rank = numerical_rank(spectrum.values, static_cast<double>(size) * kEpsilon);
  result.directions = choose_directions(spectrum.values, result.rank, options);
  result.energy.assign(spectrum.values.begin(), spectrum.values.begin() + std::min(count, source.cols()));
  const double total = spectrum.values.sum();
  result.energy_kept = total > 0 ? spectrum.values.head(result.directions).sum() / total : 0;
  if (details != nullptr) {
    details->coordinates.assign(static_cast<std::size_t>(source.rows() * result.directions), 0.0);
    details->residuals.assign(result.scores.size(), std::numeric_limits<double>::quiet_NaN());
  }
  score(source, preparation, spectrum, result, details, *kernels);
  return result;
}

}  // namespace

std::int64_t subspace_block_rows(std::int64_t cols) {
  return std::clamp<std::int64_t>(kBlockValues / std::max<std::int64_t>(cols, 1), 256, 8192);
}

SubspaceScores score_rows(const RowSource& source, const SubspaceOptions& options, SubspaceDetails* details) {
  if (source.cols() < 1 || source.rows() < 1) {
    throw UserError(
        ErrorKind::kInput,
        fmt::format("The features are a {} x {} matrix, so there is nothing to score.", source.rows(), source.cols()),
        "Extract the features again and read its list of rejected rows.");
  }
  try {
    return score_in_memory_bound(source, options, details);
  } catch (const std::bad_alloc&) {
    const double gigabytes = 8e-9 * 8 * static_cast<double>(source.cols()) * static_cast<double>(source.cols());
    throw UserError(ErrorKind::kEnvironment,
                    fmt::format("Scoring {} columns needs up to {:.1f} GB of memory.", source.cols(), gigabytes),
                    "Run it where that is free.");
  }
}

}  // namespace scalselect
