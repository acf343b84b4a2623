#include "selector/subspace.h"

#include <utility>

#include "selector/subspace_fit.h"
#include "selector/subspace_kernels.h"

namespace scalselect {
namespace {

SubspaceScores score_all_passes(const RowSource& source, const SubspaceOptions& options, SubspaceDetails* details) {
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
  SubspaceScores result;
  with_matrices_of(source, [&] { result = score_all_passes(source, options, details); });
  return result;
}

}  // namespace scalselect
