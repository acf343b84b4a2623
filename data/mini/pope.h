// mini-POPE: present and absent objects, absent ones chosen in three ways.
#pragma once

#include <set>
#include <string>

#include "data/mini/benchmarks.h"
#include "data/mini/options.h"

namespace scalselect::mini {

/// Objects are pairs of colour and shape ("a red circle"). Each picture has three present ones, asked in all three
/// files as POPE does, and three absent ones per file:
///   random       any absent pair;
///   popular      the absent pairs that are commonest over all pictures of the benchmark;
///   adversarial  pairs whose colour and whose shape both occur in the picture, but not together.
/// `used`: templates that other benchmarks have taken; those of this one are added.
BenchmarkPlan plan_pope(const MiniWorldOptions& options, std::set<std::string>& used);

}  // namespace scalselect::mini
