#include "experiments/runs/keys.h"

#include <fmt/format.h>

#include <set>

#include "core/hash.h"
#include "core/log.h"
#include "data/picture_digest.h"
#include "eval/registry.h"
#include "eval/releases.h"

namespace scalselect::pipeline {

nlohmann::json training_identity(nlohmann::json options) {
  for (const char* key : {"checkpoint_every", "feature_cache_mb", "gradient_checkpointing"}) options.erase(key);
  if (options.value("quantization", "") == "none") options.erase("quantization");
  return options;
}

nlohmann::json answering_identity(nlohmann::json benchmark) {
  for (const char* key : {"path", "images", "skills", "display", "columns", "matcher", "max_new_tokens"})
    benchmark.erase(key);
  if (benchmark.value("kind", "") != "custom") benchmark.erase("custom");
  if (benchmark.contains("ocr_tokens") && benchmark["ocr_tokens"].is_null()) benchmark.erase("ocr_tokens");
  return benchmark;
}

const BenchmarkDigests::Known& BenchmarkDigests::read(const eval::BenchmarkOptions& options) {
  auto& known = known_[dump_options(options).dump()];
  if (!known.inputs.is_null()) return known;
  const auto benchmark = eval::make_benchmark(options);
  auto asked = benchmark->load_usable(image_cache_.string());
  std::string text;
  std::vector<std::string> pictures;  // unique, in order of first use
  std::set<std::string> seen;
  for (const auto& question : asked.questions) {
    const nlohmann::json content = {question.id, question.skill, question.image_names};
    text += content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    for (const auto& picture : question.images) {
      if (seen.insert(picture).second) pictures.push_back(picture);
    }
  }
  for (const auto& note : asked.notes) known.notes.push_back(fmt::format("'{}' {}", options.path, note));
  if (auto other = eval::other_release(options.path); !other.empty()) known.notes.push_back(std::move(other));
  if (!asked.unusable.empty()) {
    known.notes.push_back(fmt::format("'{}': {}", options.path, eval::sentence_on(asked.unusable)));
  }
  for (const auto& note : known.notes) log_warning("{}", note);
  known.questions = std::ssize(asked.questions);
  known.inputs = {{"benchmark", benchmark->fingerprint()},
                  {"questions", sha256(text)},
                  {"pictures", digest_files(pictures, digests_)}};
  return known;
}

}  // namespace scalselect::pipeline
