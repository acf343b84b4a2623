// What is in a pool: counts and distributions over all rows, in one pass, in memory that grows with the number of
// different pictures alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/probes.h"
#include "data/pool.h"

namespace scalselect {

/// Whole numbers, counted by value.
class Distribution {
 public:
  void add(std::int64_t value);
  std::int64_t count() const { return count_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  /// The smallest value that at least a share `p` (0 < p <= 1) of all values does not exceed; 0 if there is none.
  std::int64_t quantile(double p) const;
  std::int64_t min() const { return values_.empty() ? 0 : values_.begin()->first; }
  std::int64_t max() const { return values_.empty() ? 0 : values_.rbegin()->first; }

 private:
  std::map<std::int64_t, std::int64_t> values_;
  std::int64_t count_ = 0;
  double sum_ = 0;
};

struct PoolDescription {
  std::int64_t rows = 0;
  std::int64_t left_out = 0;          ///< rejected when the pool is read
  std::int64_t text_only = 0;         ///< usable rows without a picture
  std::int64_t several_pictures = 0;  ///< usable rows with more than one
  std::int64_t tags_differ = 0;  ///< usable rows whose number of `<image>` tags is neither 0 nor that of their pictures
  std::map<std::string, std::int64_t> sources;  ///< usable rows by source_of (data/pool_source.h)
  Distribution questions;                       ///< user turns of a usable row
  Distribution question_words, answer_words;    ///< of a turn, between white space
  std::vector<PoolProblem> problems;            ///< found when the pool was read

  Distribution tokens;  ///< text tokens of a row that the model can use; empty without a model
  /// Rows that a method on visual features must leave out, by reason, names in it replaced by '…'; empty without a
  /// model.
  std::map<std::string, std::int64_t> unusable;

  std::int64_t picture_uses = 0;                        ///< pictures of usable rows, repetitions included
  std::int64_t picture_names = 0;                       ///< different ones
  std::int64_t picture_contents = 0;                    ///< different contents of those that can be read
  std::map<std::string, std::int64_t> picture_formats;  ///< of different names; "missing", "unreadable" among them
  Distribution widths, heights;                         ///< of different names, in pixels
};

struct DescribeOptions {
  bool pictures = true;           ///< open each picture once, for its content and size
  FeatureProbe* model = nullptr;  ///< counts tokens and says which rows it cannot use; may be null
};

/// Pictures that cannot be read are counted, not thrown. Throws UserError as Pool::for_each does.
PoolDescription describe_pool(const Pool& pool, const DescribeOptions& options);

}  // namespace scalselect
