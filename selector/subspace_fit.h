// Finding the principal subspace in passes over the rows, each a sum that may be computed in parts.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "selector/finite_blocks.h"
#include "selector/moments.h"
#include "selector/subspace.h"
#include "selector/subspace_kernels.h"

namespace scalselect {

/// What becomes of a row before it is summed or scored.
struct RowTransform {
  Eigen::RowVectorXd mean, scale;  ///< z = (x - mean) * scale
  bool l2 = false;                 ///< then z / |z|, if that is not 0
  RowMajorMatrixXd basis;          ///< then basis z, if it has rows

  /// The steps before `basis`, of rows of a chunk that are finite.
  void prepare(Eigen::Ref<RowMajorMatrixXd> rows, std::span<const char> finite) const;
};

/// The subspace of some rows, as far as the passes have come.
class SubspaceFit {
 public:
  enum class Pass {
    kMoments,  ///< centred sums of the rows as they are
    kGram,     ///< plain sums of the transformed rows
    kScores,   ///< nothing is left to sum; the squared length of a transformed row is its score
  };

  /// State that goes to a file and comes back (selector/subspace_parts.h).
  struct State {
    SubspaceOptions options;
    std::int64_t cols = 0;
    Pass next = Pass::kMoments;
    RowTransform transform;
    std::int64_t count = 0;  ///< rows summed
    std::int64_t rank = 0;   ///< as in SubspaceScores
    bool refined = false;
    Eigen::RowVectorXd mean;   ///< of the rows
    Eigen::VectorXd energy;    ///< squared singular values, descending; all `cols` of them
    RowMajorMatrixXd vectors;  ///< right singular vectors, one per row, while a correcting pass needs them
  };

  SubspaceFit(std::int64_t cols, const SubspaceOptions& options);
  explicit SubspaceFit(State state) : state_(std::move(state)) {}

  const State& state() const { return state_; }
  Pass next() const { return state_.next; }
  const RowTransform& transform() const { return state_.transform; }

  /// Ends a pass whose sums over all rows are `sums`. Throws UserError(kInput) if no row was summed.
  void take(Moments sums, SubspaceKernels& kernels);

  /// Directions kept, k; known when next() is kScores.
  std::int64_t directions() const { return state_.transform.basis.rows(); }
  double energy_kept() const;

 private:
  void take_gram(RowMajorMatrixXd gram, SubspaceKernels& kernels);
  void settle(RowMajorMatrixXd vectors);

  State state_;
};

/// Does `work` on rows of `source`, which needs matrices of its width. Throws UserError(kInput) if it is empty, and
/// UserError(kEnvironment) where std::bad_alloc comes out of `work`.
void with_matrices_of(const RowSource& source, const std::function<void()>& work);

/// Sums of each unit for the pass that `fit` is at, handed to `take` in order; `excluded`, if given, receives the
/// positions of rows with NaN or infinity.
void sum_units(FiniteBlocks& blocks, const SubspaceFit& fit, const std::vector<Unit>& units, SubspaceKernels& kernels,
               std::vector<std::int64_t>* excluded, const std::function<void(const Unit&, Moments)>& take);

/// Fills `result` (except `excluded`) and `details`, if given, with the scores of every finite row of the source, by a
/// fit that is at Pass::kScores; the source may be a part of the rows that were summed, or others.
void apply_subspace(const SubspaceFit& fit, FiniteBlocks& blocks, SubspaceScores& result, SubspaceDetails* details,
                    SubspaceKernels& kernels);

}  // namespace scalselect
