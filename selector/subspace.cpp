#include "selector/subspace.h"

#include <fmt/format.h>

#include <new>
#include <utility>

#include "core/error.h"
#include "selector/subspace_fit.h"
#include "selector/subspace_kernels.h"

namespace scalselect {
namespace {

SubspaceScores score_in_memory_bound(const RowSource& source, const SubspaceOptions& options,
                                     SubspaceDetails* details) {
  const auto kernels = make_subspace_kernels();
  SubspaceScores result;
  SubspaceFit fit(source.cols(), options);
  FiniteBlocks blocks(source);
  while (fit.next() != SubspaceFit::Pass::kScores) {
    auto* const excluded = fit.next() == SubspaceFit::Pass::kMoments ? &result.excluded : nullptr;
    Moments all;
    sum_units(blocks, fit, units_of(source.rows()), *kernels, excluded,
              [&](const Unit&, Moments sums) { all.merge(std::move(sums)); });
    fit.take(std::move(all), *kernels);
  }
  apply_subspace(fit, blocks, result, details, *kernels);
  return result;
}

}  // namespace

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
