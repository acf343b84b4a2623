// Greedy maximisation of monotone submodular set functions f: gains f(S + j) - f(S) only shrink as S grows.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace scalselect {

/// A set function over the items 0..size()-1 with the set chosen so far inside.
class SubmodularFunction {
 public:
  virtual ~SubmodularFunction() = default;
  virtual std::int64_t size() const = 0;
  /// What adding `item` would gain; may be called from several threads between two calls of `add`.
  virtual double gain(std::int64_t item) const = 0;
  virtual void add(std::int64_t item) = 0;
};

struct GreedyResult {
  std::vector<std::int64_t> items;  ///< in order of choice
  std::int64_t evaluations = 0;     ///< calls of `gain`
};

/// Repeatedly adds the item of the largest gain, ties to the smaller number, by lazy evaluation (Minoux 1978): the same
/// choice as evaluating every item in every step, with a heap of upper bounds of the gains.
GreedyResult lazy_greedy(SubmodularFunction& function, std::int64_t budget);

/// "Lazier than lazy greedy" (Mirzasoleiman et al. 2015): each step takes the best of N / budget * ln(1 / epsilon)
/// items drawn from those left; 1 - 1/e - epsilon of the optimum in expectation, N ln(1 / epsilon) evaluations in all.
GreedyResult stochastic_greedy(SubmodularFunction& function, std::int64_t budget, double epsilon, std::uint64_t seed,
                               std::string_view stream);

}  // namespace scalselect
