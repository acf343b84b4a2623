// Items by score, where scores change while items are being taken.
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace scalselect {

class LiveRanking {
 public:
  explicit LiveRanking(std::vector<double> scores) : scores_(std::move(scores)), taken_(scores_.size(), false) {
    for (std::size_t i = 0; i < scores_.size(); ++i) order_.emplace(-scores_[i], static_cast<std::int64_t>(i));
  }

  /// Takes the item of the largest score, ties to the smaller number. At least one must be left.
  std::int64_t take_best() {
    const auto item = order_.begin()->second;
    order_.erase(order_.begin());
    taken_[static_cast<std::size_t>(item)] = true;
    return item;
  }
  /// Adds to the score of an item that is not taken.
  void add(std::int64_t item, double change) {
    double& score = scores_[static_cast<std::size_t>(item)];
    order_.erase({-score, item});
    score += change;
    order_.emplace(-score, item);
  }
  double score(std::int64_t item) const { return scores_[static_cast<std::size_t>(item)]; }
  bool taken(std::int64_t item) const { return taken_[static_cast<std::size_t>(item)]; }

 private:
  std::vector<double> scores_;
  std::vector<bool> taken_;
  std::set<std::pair<double, std::int64_t>> order_;  ///< negated score, item
};

}  // namespace scalselect
