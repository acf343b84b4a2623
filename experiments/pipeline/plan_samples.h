// What a plan looks at in pools and benchmarks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/pool.h"
#include "experiments/pipeline/plan_question.h"
#include "experiments/pipeline/run_config.h"
#include "experiments/plan/work.h"
#include "vlm/chat_template.h"
#include "vlm/image_processor.h"

namespace scalselect::pipeline {

/// The prompts of a model folder without its weights. Throws UserError as vlm::open_model.
vlm::ChatTemplate open_chat_of(const ModelOptions& model);

/// Means over rows spread evenly over a pool.
struct SampledRows {
  plan::RowShape row;
  std::int64_t rows = 0;            ///< that were looked at
  std::vector<std::string> doubts;  ///< sentences: what was estimated, pictures that could not be read
};

/// Of plan::spread_rows. `chat` may be null: four bytes of text then count as a token. `images` may be null, or of
/// one size; else the pictures' headers are read.
SampledRows sample_rows(const Pool& pool, const vlm::ChatTemplate* chat, const vlm::ImageProcessor* images,
                        const plan::ModelShape& shape);

/// Loads it. Throws what Benchmark::load throws.
void read_benchmark(PlannedBenchmark& benchmark, const std::filesystem::path& image_cache);

/// Questions of the known release of a benchmark of that kind; 0 if none is known.
std::int64_t usual_questions(const eval::BenchmarkOptions& benchmark);

}  // namespace scalselect::pipeline
