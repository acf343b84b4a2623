// Everything that decides what a mini world looks like.
#pragma once

#include <cstdint>

#include "core/options.h"

namespace scalselect::mini {

struct MiniWorldOptions {
  std::int64_t seed = 1;                   ///< of pool and benchmarks, each with its own streams
  std::int64_t pool_size = 8400;           ///< samples
  double mean_turns = 2.2;                 ///< geometric, at most 10
  double samples_per_image = 2.3;          ///< before duplicates
  double exact_duplicates = 0.04;          ///< share of the pool
  double near_duplicates = 0.10;           ///< share of the pool: reworded, half of them on a newly drawn picture
  double wrong = 0.025;                    ///< share of samples whose answers are wrong
  double irrelevant = 0.025;               ///< share of samples whose conversation belongs to another picture
  double choice_share = 0.25;              ///< questions with lettered options, where a question allows it
  double yes_no_share = 0.20;              ///< yes/no questions, where a question allows both
  std::int64_t questions_per_skill = 110;  ///< of the benchmarks together, POPE not counted
  std::int64_t pope_images = 20;           ///< 6 questions per picture in each of the three files

  template <class Visitor>
  static void describe(Visitor& v, MiniWorldOptions& o) {
    v.field("seed", o.seed, "seed of every random stream");
    v.field("pool_size", o.pool_size, "samples in the pool", Range{200, 1e7});
    v.field("mean_turns", o.mean_turns, "mean turns per sample (geometric, at most 10)", Range{1, 5});
    v.field("samples_per_image", o.samples_per_image, "mean samples per image, before duplicates", Range{1, 5});
    v.field("exact_duplicates", o.exact_duplicates, "share of exact duplicates", Range{0, 0.4});
    v.field("near_duplicates", o.near_duplicates, "share of near duplicates", Range{0, 0.4});
    v.field("wrong", o.wrong, "share of samples with wrong answers", Range{0, 0.4});
    v.field("irrelevant", o.irrelevant, "share of samples that belong to another image", Range{0, 0.4});
    v.field("choice_share", o.choice_share, "share of questions with lettered options", Range{0, 1});
    v.field("yes_no_share", o.yes_no_share, "share of yes/no questions", Range{0, 1});
    v.field("questions_per_skill", o.questions_per_skill, "benchmark questions per skill", Range{11, 1e5});
    v.field("pope_images", o.pope_images, "images of mini-POPE", Range{1, 1e5});
  }
};

}  // namespace scalselect::mini
