#include "selector/subspace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <new>

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
  std::vector<double> mean;   // zeros without centring
  std::vector<double> scale;  // 1 / std, or ones
  bool l2 = false;

  void apply(double* row) const {
    double squares = 0;
    for (std::size_t j = 0; j < mean.size(); ++j) {
      row[j] = (row[j] - mean[j]) * scale[j];
      squares += row[j] * row[j];
    }
    if (!l2 || squares == 0) return;
    const double inverse = 1.0 / std::sqrt(squares);
    for (std::size_t j = 0; j < mean.size(); ++j) row[j] *= inverse;
  }
};

/// One block of the stream: the finite rows, packed, as float64.
class BlockReader {
 public:
  BlockReader(const RowSource& source, std::vector<std::int64_t>* excluded)
      : source_(source), excluded_(excluded), block_(subspace_block_rows(source.cols())) {
    const auto most = static_cast<std::size_t>(std::min(block_, source.rows()) * source.cols());
    raw_.resize(most);
    values_.resize(most);
  }

  /// Calls `use(rows, z)` for each block with at least one finite row; `rows` are the source's row numbers.
  template <class Use>
  void for_each(const Use& use) {
    for (std::int64_t first = 0; first < source_.rows(); first += block_) {
      const auto count = std::min(block_, source_.rows() - first);
      source_.read(first, count, raw_.data());
      pack(first, count);
      if (!rows_.empty()) use(rows_, values_.data());
    }
  }

 private:
  void pack(std::int64_t first, std::int64_t count) {
    const auto cols = source_.cols();
    std::vector<char> finite(static_cast<std::size_t>(count));
    parallel_blocks(count, kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const float* row = raw_.data() + i * cols;
        finite[static_cast<std::size_t>(i)] = std::all_of(row, row + cols, [](float v) { return std::isfinite(v); });
      }
    });
    rows_.clear();
    for (std::int64_t i = 0; i < count; ++i) {
      if (finite[static_cast<std::size_t>(i)] != 0) rows_.push_back(first + i);
      else if (excluded_ != nullptr) excluded_->push_back(first + i);
    }
    parallel_blocks(static_cast<std::int64_t>(rows_.size()), kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const float* from = raw_.data() + (rows_[static_cast<std::size_t>(i)] - first) * cols;
        std::copy(from, from + cols, values_.data() + i * cols);
      }
    });
  }

  const RowSource& source_;
  std::vector<std::int64_t>* excluded_;
  std::int64_t block_;
  std::vector<float> raw_;
  std::vector<double> values_;
  std::vector<std::int64_t> rows_;
};

template <class Body>
void for_rows(std::int64_t count, std::int64_t cols, double* z, const Body& body) {
  parallel_blocks(count, kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(z + i * cols);
  });
}

/// Mean and centred Gram matrix of a stream, merged block by block.
struct Moments {
  std::int64_t count = 0;
  std::vector<double> mean;
  Dense gram;  // lower triangle; empty until `finish`
  SubspaceKernels& kernels;

  Moments(std::int64_t cols, SubspaceKernels& computing)
      : mean(static_cast<std::size_t>(cols), 0.0), kernels(computing) {
    kernels.start_gram(cols);
  }

  /// Adds a block and leaves its rows centred on the block's own mean.
  void add(std::int64_t rows, double* z) {
    const auto cols = static_cast<std::int64_t>(mean.size());
    std::vector<double> block_mean(mean.size(), 0.0);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) block_mean[static_cast<std::size_t>(j)] += z[i * cols + j];
    }
    for (double& value : block_mean) value /= static_cast<double>(rows);
    for_rows(rows, cols, z, [&](double* row) {
      for (std::int64_t j = 0; j < cols; ++j) row[j] -= block_mean[static_cast<std::size_t>(j)];
    });
    kernels.add_rows(z, rows);
    const auto before = static_cast<double>(count), now = static_cast<double>(rows), all = before + now;
    for (std::size_t j = 0; j < mean.size(); ++j) block_mean[j] -= mean[j];
    if (count > 0) kernels.add_outer(block_mean, before * now / all);
    for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += block_mean[j] * (now / all);
    count += rows;
  }

  void finish() { gram = kernels.finish_gram(); }
};

/// Singular values and directions (rows) of the prepared matrix.
struct Spectrum {
  std::vector<double> values;  // squared, descending
  Dense directions;
};

Preparation prepare(const Moments& moments, const SubspaceOptions& options) {
  Preparation preparation;
  const std::size_t cols = moments.mean.size();
  preparation.mean = options.center ? moments.mean : std::vector<double>(cols, 0.0);
  preparation.scale.assign(cols, 1.0);
  preparation.l2 = options.l2_normalize;
  for (std::size_t j = 0; options.standardize && j < cols; ++j) {
    const auto column = static_cast<std::int64_t>(j);
    const double variance = moments.gram.row(column)[column] / static_cast<double>(moments.count);
    if (variance > 0) preparation.scale[j] = 1.0 / std::sqrt(variance);
  }
  return preparation;
}

/// The Gram matrix of the prepared rows: from the centred one, or by one more pass if rows are normalised.
Dense prepared_gram(const RowSource& source, Moments& moments, const Preparation& preparation, bool center) {
  const auto cols = source.cols();
  if (preparation.l2) {
    moments.gram = {};
    moments.kernels.start_gram(cols);
    BlockReader reader(source, nullptr);
    reader.for_each([&](const std::vector<std::int64_t>& rows, double* z) {
      const auto count = static_cast<std::int64_t>(rows.size());
      for_rows(count, cols, z, [&](double* row) { preparation.apply(row); });
      moments.kernels.add_rows(z, count);
    });
    return moments.kernels.finish_gram();
  }
  Dense gram = std::move(moments.gram);
  if (!center) add_outer(moments.mean, static_cast<double>(moments.count), gram);
  for (std::int64_t i = 0; i < cols; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      gram.row(i)[j] *= preparation.scale[static_cast<std::size_t>(i)] * preparation.scale[static_cast<std::size_t>(j)];
    }
  }
  return gram;
}

/// Smallest k that reaches the energy, or the fixed one, but never beyond the numerical rank.
std::int64_t choose_directions(const std::vector<double>& energy, std::int64_t rank, const SubspaceOptions& options) {
  if (rank == 0) return 0;
  if (options.directions) return std::min(*options.directions, rank);
  double total = 0, sum = 0;
  for (const double value : energy) total += value;
  for (std::int64_t k = 0; k < rank; ++k) {
    sum += energy[static_cast<std::size_t>(k)];
    if (sum >= options.energy * total) return k + 1;
  }
  return rank;
}

std::int64_t numerical_rank(const std::vector<double>& energy, double relative) {
  const double limit = energy.empty() ? 0 : energy[0] * relative * relative;
  return std::count_if(energy.begin(), energy.end(), [&](double value) { return value > limit; });
}

Spectrum eigen_spectrum(Dense gram, SubspaceKernels& kernels) {
  Spectrum spectrum;
  kernels.symmetric_eigen(std::move(gram), spectrum.values, spectrum.directions);
  for (double& value : spectrum.values) value = std::max(value, 0.0);
  return spectrum;
}

/// One more pass over Y = Z V (L + s)^(-1/2), which is well conditioned: Y^T Y = P M P^T, so that the matrix
/// R = M^(1/2) P^T (L + s)^(1/2) has the singular values of Z, and its right vectors are those of Z in the basis V.
Spectrum refine(const RowSource& source, const Preparation& preparation, Spectrum first, SubspaceKernels& kernels) {
  const auto cols = source.cols();
  // The Gram matrix knows eigenvalues to about d * eps * l_1; the shift keeps those below it from being blown up.
  const double shift = static_cast<double>(cols) * kEpsilon * first.values[0];
  std::vector<double> root(first.values.size());
  for (std::size_t j = 0; j < root.size(); ++j) root[j] = std::sqrt(first.values[j] + shift);
  Dense whitening = first.directions;
  for (std::int64_t j = 0; j < cols; ++j) {
    for (std::int64_t i = 0; i < cols; ++i) whitening.row(j)[i] /= root[static_cast<std::size_t>(j)];
  }
  kernels.set_basis(std::move(whitening));
  kernels.start_gram(cols);
  {
    BlockReader reader(source, nullptr);
    std::vector<double> y(static_cast<std::size_t>(std::min(subspace_block_rows(cols), source.rows()) * cols));
    reader.for_each([&](const std::vector<std::int64_t>& rows, double* z) {
      const auto count = static_cast<std::int64_t>(rows.size());
      for_rows(count, cols, z, [&](double* row) { preparation.apply(row); });
      kernels.project(z, count, y.data());
      kernels.add_rows(y.data(), count);
    });
  }
  kernels.set_basis({});
  Spectrum inner = eigen_spectrum(kernels.finish_gram(), kernels);
  for (std::int64_t i = 0; i < cols; ++i) {
    const double factor = std::sqrt(inner.values[static_cast<std::size_t>(i)]);
    for (std::int64_t j = 0; j < cols; ++j) inner.directions.row(i)[j] *= factor * root[static_cast<std::size_t>(j)];
  }
  Spectrum refined;
  Dense right;
  singular_values(std::move(inner.directions), refined.values, right);
  for (double& value : refined.values) value *= value;
  refined.directions = multiply(right, first.directions);
  return refined;
}

/// Notes where row `row` (prepared: `z`, coordinates `u`) lies.
void note_row(std::int64_t row, const double* z, const double* u, const Spectrum& spectrum, std::int64_t k,
              SubspaceDetails& details) {
  double outside = 0;
  for (std::int64_t j = 0; j < spectrum.directions.cols; ++j) outside += z[j] * z[j];
  for (std::int64_t j = 0; j < k; ++j) outside -= u[j] * u[j] * spectrum.values[static_cast<std::size_t>(j)];
  details.residuals[static_cast<std::size_t>(row)] = std::max(outside, 0.0);
  std::copy(u, u + k, details.coordinates.begin() + row * k);
}

/// Leverage of every finite row.
void score(const RowSource& source, const Preparation& preparation, const Spectrum& spectrum, SubspaceScores& result,
           SubspaceDetails* details, SubspaceKernels& kernels) {
  const auto cols = source.cols(), k = result.directions;
  Dense basis(k, cols);
  for (std::int64_t j = 0; j < k; ++j) {
    const double inverse = 1.0 / std::sqrt(spectrum.values[static_cast<std::size_t>(j)]);
    for (std::int64_t i = 0; i < cols; ++i) basis.row(j)[i] = spectrum.directions.row(j)[i] * inverse;
  }
  kernels.set_basis(std::move(basis));
  std::vector<double> u(static_cast<std::size_t>(std::min(subspace_block_rows(cols), source.rows()) * k));
  BlockReader reader(source, nullptr);
  reader.for_each([&](const std::vector<std::int64_t>& rows, double* z) {
    const auto count = static_cast<std::int64_t>(rows.size());
    for_rows(count, cols, z, [&](double* row) { preparation.apply(row); });
    if (k > 0) kernels.project(z, count, u.data());
    parallel_blocks(count, kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        double sum = 0;
        for (std::int64_t j = 0; j < k; ++j) {
          const double value = u[static_cast<std::size_t>(i * k + j)];
          sum += value * value;
        }
        const auto row = rows[static_cast<std::size_t>(i)];
        result.scores[static_cast<std::size_t>(row)] = sum;
        if (details != nullptr) note_row(row, z + i * cols, u.data() + i * k, spectrum, k, *details);
      }
    });
  });
}

SubspaceScores score_in_memory_bound(const RowSource& source, const SubspaceOptions& options,
                                     SubspaceDetails* details) {
  const OneThreadLinalg one_thread;
  const auto kernels = make_subspace_kernels();
  SubspaceScores result;
  result.scores.assign(static_cast<std::size_t>(source.rows()), std::numeric_limits<double>::quiet_NaN());
  Moments moments(source.cols(), *kernels);
  BlockReader(source, &result.excluded).for_each([&](const std::vector<std::int64_t>& rows, double* z) {
    moments.add(static_cast<std::int64_t>(rows.size()), z);
  });
  if (moments.count == 0) {
    throw UserError(ErrorKind::kInput, "No row of the features is finite.", "Extract the features again.");
  }
  moments.finish();
  result.mean = moments.mean;
  const auto preparation = prepare(moments, options);
  Spectrum spectrum = eigen_spectrum(prepared_gram(source, moments, preparation, options.center), *kernels);
  const auto count = moments.count, size = std::max(count, source.cols());
  // What the Gram matrix can tell: whether the kept directions lie well above its own rounding.
  std::int64_t k = choose_directions(spectrum.values, numerical_rank(spectrum.values, 0), options);
  result.refined = k > 0 && spectrum.values[static_cast<std::size_t>(k - 1)] < kGramLimit * spectrum.values[0];
  if (result.refined) spectrum = refine(source, preparation, std::move(spectrum), *kernels);
  result.rank = numerical_rank(spectrum.values, static_cast<double>(size) * kEpsilon);
  result.directions = choose_directions(spectrum.values, result.rank, options);
  result.energy.assign(spectrum.values.begin(), spectrum.values.begin() + std::min(count, source.cols()));
  double total = 0, kept = 0;
  for (std::size_t j = 0; j < spectrum.values.size(); ++j) {
    total += spectrum.values[j];
    kept += static_cast<std::int64_t>(j) < result.directions ? spectrum.values[j] : 0;
  }
  result.energy_kept = total > 0 ? kept / total : 0;
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
