// What a choice must respect beside its budget, whatever the method: rows that may not or must be in it, limits per
// source, one sample per picture, and what becomes of samples without a picture.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "selector/text_only.h"

namespace scalselect {

/// The least and the most of a subset that may come from one source. Below 1: a share of the subset; else a number of
/// rows.
struct SourceLimit {
  std::string source;
  std::optional<double> floor, cap;

  template <class Visitor>
  static void describe(Visitor& v, SourceLimit& o) {
    v.field("source", o.source, "a sample's source, or what comes before a '/' in it");
    v.field("floor", o.floor, "take at least: a share of the subset if below 1, else rows", Range{0, 1e15});
    v.field("cap", o.cap, "take at most: a share of the subset if below 1, else rows", Range{0, 1e15});
  }

  /// Floor (rounded up) and cap (rounded down) of a subset of `total` rows.
  std::int64_t floor_rows(std::int64_t total) const;
  std::int64_t cap_rows(std::int64_t total) const;
};

/// The constraints as keys of `select` and `run`.
struct ConstraintOptions {
  TextOnly text_only = TextOnly::kAuto;
  std::optional<std::string> exclude, must_keep;
  std::vector<SourceLimit> sources;
  bool one_per_picture = false;

  template <class Visitor>
  static void describe(Visitor& v, ConstraintOptions& o) {
    v.choice(
        "text_only", o.text_only,
        {{"auto", TextOnly::kAuto}, {"drop", TextOnly::kDrop}, {"keep", TextOnly::kKeep}, {"share", TextOnly::kShare}},
        "samples without a picture: auto (methods that can rank them may choose them), drop, keep (all of them, within "
        "the budget, before caps), share (their share of the budget, drawn by seed, before caps)");
    v.field("exclude", o.exclude,
            "a file of rows, ids or samples: as if the pool did not have them, a share is of the rest");
    v.field("must_keep", o.must_keep,
            "a file of rows, ids or samples: they are in the subset, and the method chooses the rest of the budget; "
            "they go "
            "before caps and one_per_picture");
    v.field("sources", o.sources, "floors and caps per source");
    v.field("one_per_picture", o.one_per_picture, "at most one sample of each picture, told by content");
  }
};

/// " exclude=x.txt one_per_picture=true": the constraints that are set, for names of runs; empty if none is.
std::string constraints_text(const ConstraintOptions& options);

/// The constraints of one pool.
struct Constraints {
  TextOnly text_only = TextOnly::kAuto;
  std::vector<std::int64_t> excluded;   ///< ascending; not among a RowSet's usable rows
  std::vector<std::int64_t> must_keep;  ///< ascending, usable
  struct Limit {
    SourceLimit limit;
    std::vector<std::int64_t> rows;  ///< usable rows of the source, ascending

    bool holds(std::int64_t row) const;
  };
  std::vector<Limit> sources;
  /// The pictures of each pool row by number, equal pictures by the same one; empty: samples may share a picture.
  std::vector<std::vector<std::int32_t>> pictures;

  std::span<const std::int32_t> pictures_of(std::int64_t row) const;
  /// Whether a method's choice may have to be chosen anew.
  bool limits_rows() const { return !sources.empty() || !pictures.empty(); }
};

/// Which rows may still be taken into a subset of `total` rows of a pool of `pool_size`. While floors lack as many rows
/// as are left to take, only rows of their sources may be.
class Allowance {
 public:
  /// `constraints` must outlive it.
  Allowance(const Constraints& constraints, std::int64_t pool_size, std::int64_t total);

  /// Not taken yet, no cap of its source reached, none of its pictures used, and room for what floors lack.
  bool admits(std::int64_t row) const;
  /// Counts a row, whether it is admitted or not.
  void take(std::int64_t row);
  /// Whether every floor is reached.
  bool floors_reached() const { return lacking_ == 0; }

 private:
  const Constraints& constraints_;
  std::vector<std::int64_t> lacking_of_,
      room_of_;                      ///< rows that each limited source lacks to its floor, has to its cap
  std::int64_t left_, lacking_ = 0;  ///< rows to take in all; those that floors lack
  std::vector<bool> taken_, used_;   ///< rows; pictures
};

}  // namespace scalselect
