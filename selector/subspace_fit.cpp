#include "selector/subspace_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/parallel.h"
#include "selector/linalg.h"

namespace scalselect {
namespace {

using Block = Eigen::Map<RowMajorMatrixXd>;

constexpr double kGramLimit = 1e-6;        // smallest s_k^2 / s_1^2 that the Gram matrix resolves well
constexpr std::int64_t kRowsAtOnce = 256;  // that one thread measures at a time
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

ConstRowsXd first_rows(const double* data, std::int64_t rows, std::int64_t cols) { return {data, rows, cols}; }

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
Spectrum eigen_spectrum(RowMajorMatrixXd gram, SubspaceKernels& kernels, const WantedVectors& wanted = {}) {
  auto spectrum = kernels.symmetric_eigen(std::move(gram), wanted);
  spectrum.values = spectrum.values.cwiseMax(0.0);
  return spectrum;
}

/// The Gram matrix knows eigenvalues to about d * eps * l_1; the shift keeps those below it from being blown up.
Eigen::ArrayXd whitening_roots(const Eigen::VectorXd& energy) {
  return (energy.array() + static_cast<double>(energy.size()) * kEpsilon * energy(0)).sqrt();
}

/// The centred sums of one unit. Chunks are centred on their own means as they are cast, in a thread's cache; what that
/// takes away comes back as a few more rows of the block: sum_c n_c (m_c - m)^T (m_c - m) is a Gram matrix, too.
class UnitSum {
 public:
  UnitSum(std::int64_t cols, SubspaceKernels& kernels) : kernels_(kernels), cols_(cols) {
    sums_.mean.setZero(cols);
    kernels.start_gram(cols);
    const auto chunks = subspace_block_rows(cols) / kChunkRows + 1;
    means_.resize(chunks, cols);
    counts_.resize(static_cast<std::size_t>(chunks));
  }

  /// Centres a chunk's finite rows. Called from several threads, for chunks of one block.
  void center(std::int64_t begin, Eigen::Ref<RowMajorMatrixXd> rows, std::span<const char> finite) {
    const auto chunk = begin / kChunkRows;
    const auto count = std::count(finite.begin(), finite.end(), 1);
    auto mean = means_.row(chunk);
    mean.setZero();
    for (const auto row : rows.rowwise()) mean += row;
    if (count > 0) mean /= static_cast<double>(count);
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      if (finite[static_cast<std::size_t>(i)] != 0) rows.row(i) -= mean;
    }
    counts_[static_cast<std::size_t>(chunk)] = static_cast<double>(count);
  }

  void add(FiniteBlock& block) {
    const auto chunks = (block.count + kChunkRows - 1) / kChunkRows;
    const double now = std::accumulate(counts_.begin(), counts_.begin() + chunks, 0.0);
    if (now == 0) return;
    Eigen::RowVectorXd mean = Eigen::RowVectorXd::Zero(cols_);
    for (std::int64_t c = 0; c < chunks; ++c) mean += counts_[static_cast<std::size_t>(c)] / now * means_.row(c);
    Block more(block.rows.data() + block.count * cols_, chunks + 1, cols_);
    for (std::int64_t c = 0; c < chunks; ++c)
      more.row(c) = std::sqrt(counts_[static_cast<std::size_t>(c)]) * (means_.row(c) - mean);
    const auto before = static_cast<double>(sums_.count), all = before + now;
    more.row(chunks) = std::sqrt(before * now / all) * (mean - sums_.mean);
    kernels_.add_rows(first_rows(block.rows.data(), block.count + chunks + 1, cols_));
    sums_.mean += (mean - sums_.mean) * (now / all);
    sums_.count += static_cast<std::int64_t>(now);
  }

  Moments finish() {
    sums_.gram = kernels_.finish_gram();
    return std::move(sums_);
  }

 private:
  SubspaceKernels& kernels_;
  std::int64_t cols_;
  Moments sums_;
  RowMajorMatrixXd means_;      ///< of the block's chunks
  std::vector<double> counts_;  ///< their finite rows
};

/// Whether the rows all have the same number in column `j`, so that its centred sums are rounding. Float32 values of
/// which one in 10^7 differs have a larger variance than this.
bool is_constant(const Moments& sums, Eigen::Index j) {
  const double rounding = static_cast<double>(kUnitRows) * kEpsilon * sums.mean(j);
  return sums.gram(j, j) <= static_cast<double>(sums.count) * rounding * rounding;
}

std::int64_t finite_rows_of(const FiniteBlock& block) {
  return std::count(block.finite.begin(), block.finite.end(), 1);
}

void note_excluded(const FiniteBlock& block, std::vector<std::int64_t>* excluded) {
  for (std::int64_t i = 0; excluded != nullptr && i < block.count; ++i) {
    if (block.finite[static_cast<std::size_t>(i)] == 0) excluded->push_back(block.first + i);
  }
}

}  // namespace

void RowTransform::prepare(Eigen::Ref<RowMajorMatrixXd> rows, std::span<const char> finite) const {
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    if (finite[static_cast<std::size_t>(i)] == 0) continue;
    auto row = rows.row(i);
    row = (row - mean).cwiseProduct(scale);
    const double length = l2 ? row.norm() : 0;
    if (length > 0) row *= 1 / length;
  }
}

SubspaceFit::SubspaceFit(std::int64_t cols, const SubspaceOptions& options) {
  state_.options = options;
  state_.cols = cols;
}

void SubspaceFit::take(Moments sums, SubspaceKernels& kernels) {
  if (sums.count == 0) {
    throw UserError(ErrorKind::kInput, "No row of the features is finite.", "Extract the features again.");
  }
  state_.count = sums.count;
  if (state_.next == Pass::kGram) return take_gram(std::move(sums.gram), kernels);
  SCALSELECT_CHECK(state_.next == Pass::kMoments);
  const auto& options = state_.options;
  state_.mean = sums.mean;
  auto& [mean, scale, l2, basis] = state_.transform;
  mean = options.center ? sums.mean : Eigen::RowVectorXd::Zero(state_.cols);
  scale = Eigen::RowVectorXd::Ones(state_.cols);
  l2 = options.l2_normalize;
  for (Eigen::Index j = 0; j < state_.cols; ++j) {
    if (is_constant(sums, j)) {
      sums.gram.row(j).setZero();
      sums.gram.col(j).setZero();
      if (options.center) scale(j) = 0;  // x - mean is rounding, too, which no normalisation may blow up
    } else if (options.standardize) {
      scale(j) = 1.0 / std::sqrt(sums.gram(j, j) / static_cast<double>(sums.count));
    }
  }
  if (l2) {
    state_.next = Pass::kGram;  // lengths are known only now
    return;
  }
  if (!options.center) add_outer(sums.mean.transpose(), static_cast<double>(sums.count), sums.gram);
  for (std::int64_t i = 0; i < sums.gram.rows(); ++i) {
    sums.gram.row(i).head(i + 1).array() *= scale(i) * scale.head(i + 1).array();
  }
  take_gram(std::move(sums.gram), kernels);
}

void SubspaceFit::take_gram(RowMajorMatrixXd gram, SubspaceKernels& kernels) {
  if (!state_.refined) {
    const auto wanted = [&](const Eigen::VectorXd& values) {
      const Eigen::VectorXd energy = values.cwiseMax(0.0);
      // What the Gram matrix can resolve: whether the kept directions are well above its own rounding.
      const auto k = choose_directions(energy, numerical_rank(energy, 0), state_.options);
      state_.refined = k > 0 && energy(k - 1) < kGramLimit * energy(0);
      return state_.refined ? state_.cols : k;
    };
    auto spectrum = eigen_spectrum(std::move(gram), kernels, wanted);
    state_.energy = std::move(spectrum.values);
    if (!state_.refined) return settle(std::move(spectrum.vectors));
    // One more pass over Y = Z V (L + s)^(-1/2), which is well conditioned.
    state_.transform.basis = spectrum.vectors.array().colwise() / whitening_roots(state_.energy);
    state_.vectors = std::move(spectrum.vectors);
    state_.next = Pass::kGram;
    return;
  }
  auto spectrum = eigen_spectrum(std::move(gram), kernels);
  // Y^T Y = P M P^T, so that R = M^(1/2) P^T (L + s)^(1/2) has the singular values of Z, and its right vectors are
  // those of Z in the basis V.
  spectrum.vectors.array().colwise() *= spectrum.values.array().sqrt();
  spectrum.vectors.array().rowwise() *= whitening_roots(state_.energy).transpose();
  auto [values, right] = singular_values(std::move(spectrum.vectors));
  state_.energy = values.cwiseAbs2();
  settle(right * std::exchange(state_.vectors, {}));
}

/// The directions of `state_.energy` are known.
void SubspaceFit::settle(RowMajorMatrixXd vectors) {
  const auto size = static_cast<double>(std::max(state_.count, state_.cols));
  state_.rank = numerical_rank(state_.energy, size * kEpsilon);
  const auto k = choose_directions(state_.energy, state_.rank, state_.options);
  state_.transform.basis = vectors.topRows(k).array().colwise() * state_.energy.head(k).array().rsqrt();
  state_.next = Pass::kScores;
}

double SubspaceFit::energy_kept() const {
  const double total = state_.energy.sum();
  return total > 0 ? state_.energy.head(directions()).sum() / total : 0;
}

void with_matrices_of(const RowSource& source, const std::function<void()>& work) {
  const auto rows = source.rows(), cols = source.cols();
  if (cols < 1 || rows < 1) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("The features are a {} x {} matrix, so there is nothing to score.", rows, cols),
                    "Extract the features again and read its list of rejected rows.");
  }
  try {
    work();
  } catch (const std::bad_alloc&) {
    const double gigabytes = 8e-9 * 8 * static_cast<double>(cols) * static_cast<double>(cols);
    throw UserError(ErrorKind::kEnvironment,
                    fmt::format("Scoring {} columns needs up to {:.1f} GB of memory.", cols, gigabytes),
                    "Run it where that is free.");
  }
}

void sum_units(FiniteBlocks& blocks, const SubspaceFit& fit, const std::vector<Unit>& units, SubspaceKernels& kernels,
               std::vector<std::int64_t>* excluded, const std::function<void(const Unit&, Moments)>& take) {
  const auto& source = blocks.source();
  const auto cols = source.cols();
  if (fit.next() == SubspaceFit::Pass::kMoments) {
    for (const auto& unit : units) {
      UnitSum sum(cols, kernels);
      blocks.for_each(
          unit, [&](auto begin, auto rows, auto finite) { sum.center(begin, rows, finite); },
          [&](FiniteBlock& block) {
            note_excluded(block, excluded);
            sum.add(block);
          });
      take(unit, sum.finish());
    }
    return;
  }
  const auto& transform = fit.transform();
  const auto width = transform.basis.rows();
  RowMajorMatrixXd projected(width > 0 ? std::min(subspace_block_rows(cols), source.rows()) : 0, width);
  if (width > 0) kernels.set_basis(transform.basis);
  for (const auto& unit : units) {
    Moments sums;
    kernels.start_gram(width > 0 ? width : cols);
    blocks.for_each(
        unit, [&](auto, auto rows, auto finite) { transform.prepare(rows, finite); },
        [&](FiniteBlock& block) {
          note_excluded(block, excluded);
          sums.count += finite_rows_of(block);
          const auto rows = first_rows(block.rows.data(), block.count, cols);
          if (width == 0) return kernels.add_rows(rows);
          kernels.project(rows, Block(projected.data(), block.count, width));
          kernels.add_rows(first_rows(projected.data(), block.count, width));
        });
    sums.gram = kernels.finish_gram();
    take(unit, std::move(sums));
  }
  kernels.set_basis({});
}

void apply_subspace(const SubspaceFit& fit, FiniteBlocks& blocks, SubspaceScores& result, SubspaceDetails* details,
                    SubspaceKernels& kernels) {
  SCALSELECT_CHECK(fit.next() == SubspaceFit::Pass::kScores);
  const auto& state = fit.state();
  const auto rows = blocks.source().rows(), k = fit.directions();
  result.directions = k;
  result.rank = state.rank;
  result.refined = state.refined;
  result.energy_kept = fit.energy_kept();
  result.mean.assign(state.mean.begin(), state.mean.end());
  result.energy.assign(state.energy.begin(), state.energy.begin() + std::min(state.count, state.cols));
  result.scores.assign(static_cast<std::size_t>(rows), std::numeric_limits<double>::quiet_NaN());
  if (details != nullptr) {
    details->coordinates.assign(static_cast<std::size_t>(rows * k), 0.0);
    details->residuals.assign(result.scores.size(), std::numeric_limits<double>::quiet_NaN());
  }
  const Eigen::RowVectorXd energy = state.energy.head(k).transpose();
  const auto& transform = fit.transform();
  const auto cols = blocks.source().cols();
  const auto score = [&](const FiniteBlock& block, const Block& projected, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (block.finite[static_cast<std::size_t>(i)] == 0) continue;
      const auto u = projected.row(i);
      const auto row = static_cast<std::size_t>(block.first + i);
      result.scores[row] = u.squaredNorm();
      if (details == nullptr) continue;
      const double outside = block.rows.row(i).squaredNorm() - u.cwiseAbs2().dot(energy);
      details->residuals[row] = std::max(outside, 0.0);
      std::copy_n(u.data(), k, details->coordinates.begin() + static_cast<std::int64_t>(row) * k);
    }
  };
  RowMajorMatrixXd space(std::min(subspace_block_rows(cols), rows), k);
  const auto project = [&](const FiniteBlock& block, double* into) {
    const Block out(into, block.count, k);
    if (k > 0) kernels.project(first_rows(block.rows.data(), block.count, cols), out);
    return out;
  };
  if (k > 0) kernels.set_basis(transform.basis);
  for (const auto& unit : units_of(rows)) {
    if (kernels.projects_concurrently()) {
      blocks.for_each_piece(unit, kRowsAtOnce, [&](FiniteBlock& piece) {
        transform.prepare(piece.rows, piece.finite);
        const auto in_block = (piece.first - unit.first) % subspace_block_rows(cols);
        score(piece, project(piece, space.row(in_block).data()), 0, piece.count);
      });
      continue;
    }
    blocks.for_each(
        unit, [&](auto, auto chunk, auto finite) { transform.prepare(chunk, finite); },
        [&](FiniteBlock& block) {
          const auto out = project(block, space.data());
          parallel_blocks(block.count, kRowsAtOnce,
                          [&](std::int64_t begin, std::int64_t end) { score(block, out, begin, end); });
        });
  }
  kernels.set_basis({});
}

}  // namespace scalselect
