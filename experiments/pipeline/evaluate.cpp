#include "experiments/pipeline/evaluate.h"

#include <optional>
#include <vector>

#include "core/device.h"
#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/process_group.h"
#include "eval/answering.h"
#include "eval/registry.h"
#include "experiments/pipeline/shared_parts.h"
#include "experiments/runs/evaluation.h"
#include "experiments/runs/keys.h"
#include "experiments/runs/warnings.h"
#include "vlm/text_generator.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr char kPredictionsFile[] = "predictions.jsonl";
constexpr int kPredictionsVersion = 3;  ///< since 3 rows attend to what they share where it lies

void write_unusable(const std::vector<eval::Unusable>& unusable, const fs::path& file) {
  if (unusable.empty()) fs::remove(file);
  else write_file_atomically(file, unusable_lines(unusable));
}

}  // namespace

nlohmann::json facts_of_making() { return {{"device", compute_device().text()}}; }

TextGenerator& LazyGenerator::get() {
  if (!generator_) {
    generator_ = vlm::open_generator(model_, adapter_, options_.dtype, pixels_of(options_), /*lone_prompt=*/false,
                                     options_.chat_template);
  }
  return *generator_;
}

int answer_limit(const eval::BenchmarkOptions& benchmark, const EvalOptions& eval) {
  return benchmark.max_new_tokens.value_or(eval.max_new_tokens);
}

StageKey predictions_key(const eval::BenchmarkOptions& benchmark, const EvalOptions& eval, nlohmann::json inputs,
                         nlohmann::json params) {
  params["benchmark"] = answering_identity(dump_options(benchmark));
  params["max_new_tokens"] = answer_limit(benchmark, eval);
  return {"predictions", kPredictionsVersion, std::move(inputs), std::move(params)};
}

/// The benchmark as it is asked, and what is there of its answers.
struct PredictionPass::Work {
  Work(const PredictionPass& pass, ArtifactCache::Share held)
      : share(std::move(held)), asked(eval::make_benchmark(pass.benchmark_)) {
    Warnings heard;
    // Answering takes far longer than decoding, and a picture that is damaged in its middle costs its questions only.
    loaded = asked->load_usable((pass.cache_.root() / "images").string(), eval::PictureCheck::kDecode);
    warnings = heard.take();
    eval::EvaluateOptions options;
    options.generation.max_new_tokens = answer_limit(pass.benchmark_, pass.eval_);
    options.generation.batch_size = pass.eval_.batch_size;
    options.processes = process_group().size;
    options.threads = thread_count();
    answering.emplace(*asked, loaded.questions, options, share->folder() / kPredictionsFile);
    parts.emplace(SharedParts::Work{
        .count = answering->steps(),
        .size = [this](std::int64_t step) { return answering->questions_of(step); },
        .finished = [this](std::int64_t step) { return answering->finished(step); },
        .locks = [this](std::int64_t step) { return std::vector{beside(step, ".lock")}; },
        .compute = [this, &generator = pass.generator_](std::int64_t step) { answer(step, generator); },
        .advance =
            [progress = pass.progress_](std::int64_t more) {
              if (progress != nullptr) progress->advance(more);
            },
    });
  }

  fs::path beside(std::int64_t step, const char* extension) const {
    return answering->step_file(step).replace_extension(extension);
  }

  void answer(std::int64_t step, LazyGenerator& generator) {
    Warnings heard;
    const auto lines = answering->answer(step, generator.get());
    const nlohmann::json told = heard.take();
    write_file_atomically(beside(step, ".warnings"), told.dump() + "\n");
    answering->keep(step, lines);
  }

  /// What was warned of, by whichever process.
  std::vector<std::string> all_warnings() const {
    auto all = warnings;
    for (std::int64_t step = 0; step < answering->steps(); ++step) {
      const auto file = beside(step, ".warnings");
      if (!fs::exists(file)) continue;
      const auto told = nlohmann::json::parse(read_file(file), nullptr, false);
      if (!told.is_array())
        throw UserError(ErrorKind::kInput, "'" + file.string() + "' is damaged.",
                        "Delete it and run the command again.");
      add_warnings(all, told);
    }
    return all;
  }

  std::optional<ArtifactCache::Share> share;
  std::unique_ptr<eval::Benchmark> asked;
  eval::Loaded loaded;
  std::vector<std::string> warnings;  ///< of reading the benchmark
  std::optional<eval::Answering> answering;
  std::optional<SharedParts> parts;
};

PredictionPass::PredictionPass(const ArtifactCache& cache, StageKey key, const eval::BenchmarkOptions& benchmark,
                               const EvalOptions& eval, LazyGenerator& generator, Progress* progress)
    : cache_(cache),
      key_(std::move(key)),
      benchmark_(benchmark),
      eval_(eval),
      generator_(generator),
      progress_(progress) {}

PredictionPass::~PredictionPass() = default;

void PredictionPass::take_free() {
  if (!begin()) return;
  work_->parts->take_free();
  work_->share
      .reset();  // a process that holds shares of several keys might wait for another that does, and it for this
}

std::pair<fs::path, bool> PredictionPass::complete() {
  while (begin()) {
    work_->parts->take_free();
    work_->parts->await_others();
    put_together();
  }
  const auto folder = *cache_.find(key_);
  if (!computed_) repeat_warnings(folder);
  return {folder, !computed_};
}

/// Takes a share of the work; false if the cache has its result.
bool PredictionPass::begin() {
  if (work_ && work_->share) return true;
  std::optional<ArtifactCache::Share> share;
  if (!cache_.find(key_)) share.emplace(cache_.share(key_));
  if (cache_.find(key_)) {
    work_.reset();
    return false;
  }
  if (work_) work_->share.emplace(std::move(*share));
  else work_ = std::make_unique<Work>(*this, std::move(*share));
  return true;
}

/// Unless another process has done so meanwhile, or one that has died left a step to answer.
void PredictionPass::put_together() {
  computed_ = computed_ || work_->parts->computed();
  const auto work = std::move(work_);
  work->share.reset();
  auto whole = cache_.begin(key_);
  if (cache_.find(key_)) return;
  for (std::int64_t step = 0; step < work->answering->steps(); ++step) {
    if (!work->answering->finished(step)) return;
  }
  auto facts = facts_of_making();
  facts["warnings"] = work->all_warnings();
  write_unusable(work->loaded.unusable, whole.folder() / kUnusableFile);
  work->answering->join();
  whole.commit(facts);
}

std::int64_t answered_before(const ArtifactCache& cache, const StageKey& key) {
  auto unfinished = cache.folder(key);
  unfinished += ".partial";
  return eval::answered_in_steps(unfinished / kPredictionsFile);
}

}  // namespace scalselect::pipeline
