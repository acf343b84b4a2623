#include "baselines/submodular.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>

#include "core/parallel.h"
#include "core/rng.h"

namespace scalselect {
namespace {

struct Bound {
  double gain;
  std::int64_t item;
  bool worse_than(const Bound& other) const { return gain != other.gain ? gain < other.gain : item > other.item; }
};

struct WorseBound {
  bool operator()(const Bound& a, const Bound& b) const { return a.worse_than(b); }
};

}  // namespace

GreedyResult lazy_greedy(SubmodularFunction& function, std::int64_t budget) {
  std::vector<Bound> first(static_cast<std::size_t>(function.size()));
  parallel_blocks(function.size(), 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) first[static_cast<std::size_t>(i)] = {function.gain(i), i};
  });
  GreedyResult result;
  result.evaluations = function.size();
  std::priority_queue<Bound, std::vector<Bound>, WorseBound> heap(WorseBound{}, std::move(first));
  while (static_cast<std::int64_t>(result.items.size()) < budget) {
    Bound best = heap.top();
    heap.pop();
    if (!result.items.empty()) {
      best.gain = function.gain(best.item);
      ++result.evaluations;
      if (!heap.empty() && best.worse_than(heap.top())) {
        heap.push(best);
        continue;
      }
    }
    function.add(best.item);
    result.items.push_back(best.item);
  }
  return result;
}

GreedyResult stochastic_greedy(SubmodularFunction& function, std::int64_t budget, double epsilon, std::uint64_t seed,
                               std::string_view stream) {
  Rng rng(seed, stream);
  std::vector<std::int64_t> left(static_cast<std::size_t>(function.size()));
  std::iota(left.begin(), left.end(), 0);
  const double share = static_cast<double>(function.size()) / static_cast<double>(budget);
  const auto sample = static_cast<std::size_t>(std::max(1.0, std::ceil(share * std::log(1 / epsilon))));
  GreedyResult result;
  while (static_cast<std::int64_t>(result.items.size()) < budget) {
    std::size_t chosen = 0;
    Bound best{-INFINITY, -1};
    for (std::size_t i = 0; i < std::min(sample, left.size()); ++i) {
      std::swap(left[i], left[i + rng.below(left.size() - i)]);
      const Bound drawn{function.gain(left[i]), left[i]};
      ++result.evaluations;
      if (best.item >= 0 && drawn.worse_than(best)) continue;
      best = drawn;
      chosen = i;
    }
    function.add(best.item);
    result.items.push_back(best.item);
    left[chosen] = left.back();
    left.pop_back();
  }
  return result;
}

}  // namespace scalselect
