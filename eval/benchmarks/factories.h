// One factory a benchmark; the registry lists them.
#pragma once

#include <memory>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// MMBench (and CCBench-like sets): VLMEvalKit's TSV, or the older one with base64 in every row. CircularEval by
/// default.
std::unique_ptr<Benchmark> make_mmbench(const BenchmarkOptions& options);
/// POPE: a folder with `*pope_{adversarial,popular,random}.json` (JSON Lines), images in val2014/ or images/ beside
/// them; or VLMEvalKit's TSV.
std::unique_ptr<Benchmark> make_pope(const BenchmarkOptions& options);
/// MME: the official folder tree, one folder a category; or VLMEvalKit's TSV.
std::unique_ptr<Benchmark> make_mme(const BenchmarkOptions& options);
/// ScienceQA's image questions of the test split: a folder with problems.json, pid_splits.json and images/test/ID/FILE;
/// or VLMEvalKit's TSV.
std::unique_ptr<Benchmark> make_scienceqa(const BenchmarkOptions& options);
/// AI2D: VLMEvalKit's TSV (masked or not).
std::unique_ptr<Benchmark> make_ai2d(const BenchmarkOptions& options);
/// OCRBench v1: OCRBench.json with OCRBench_Images/ beside it; or VLMEvalKit's TSV.
std::unique_ptr<Benchmark> make_ocrbench(const BenchmarkOptions& options);

}  // namespace scalselect::eval
