// How selections from one pool relate: what entered and left from one to the other, and how much they share beside what
// random sets of their sizes would share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/pool.h"

namespace scalselect::pipeline {

struct NamedRows {
  std::string name;
  std::vector<std::int64_t> rows;  ///< of the pool, each once, in any order
};

/// The rows that two sets share. For random sets of their sizes out of `pool_rows` rows the number is hypergeometric.
struct Overlap {
  std::int64_t common = 0;
  double jaccard = 0;    ///< common / either
  double expected = 0;   ///< mean of random sets: |A| |B| / N
  double deviation = 0;  ///< their standard deviation
  double z = 0;          ///< (common - expected) / deviation; NaN where random sets cannot differ
};

Overlap overlap_of(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b, std::int64_t pool_rows);

/// {"pool_rows", "sets": [{"name", "rows"}], "pairs": [{"a", "b", "common", "jaccard", "expected", "deviation", "z"}]}
nlohmann::ordered_json overlap_json(const std::vector<NamedRows>& sets, std::int64_t pool_rows);
/// Three matrices: rows in common beside the expected number, Jaccard's index, z.
std::string overlap_text(const std::vector<NamedRows>& sets, std::int64_t pool_rows);

/// Words, separated by blanks, of all turns; <image> tags are none.
std::int64_t words_of(const Sample& sample);

/// What enters from `a` to `b`, what leaves and what stays, by source (data/pool_source.h), length and picture:
/// {"a", "b": {"name", "rows"}, "stayed", "entered", "left", "sources": [{"source", "a", "b", "entered", "left"}],
///  "words", "turns": {"stayed", "entered", "left": {"mean", "median"}},
///  "pictures": {"a", "b", "both", "entered_with_a_picture_of_a", "left_with_a_picture_of_b"}}
nlohmann::ordered_json diff_json(const Pool& pool, const NamedRows& a, const NamedRows& b);
std::string diff_text(const nlohmann::ordered_json& diff);

}  // namespace scalselect::pipeline
