// Which settings of a training and an evaluation go into the keys of their artifacts. docs/keys.md lists every key with
// the reason for each member.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/file_digests.h"
#include "eval/benchmark.h"

namespace scalselect::pipeline {

/// The trainer's options (as dump_options gives them) without those that cannot change the adapter: how often it saves
/// and how much memory it may use; `quantization` only if there is one.
nlohmann::json training_identity(nlohmann::json trainer);

/// A benchmark's options without those that cannot change an answer: paths (their contents are in the inputs), and
/// what is decided when answers are scored; and without options of other kinds of benchmarks.
nlohmann::json answering_identity(nlohmann::json benchmark);

/// Digests of what benchmarks are made of; each benchmark is read once.
class BenchmarkDigests {
 public:
  /// `image_cache`: where images inside benchmark files are decoded to.
  BenchmarkDigests(std::filesystem::path image_cache, FileDigests digests)
      : image_cache_(std::move(image_cache)), digests_(std::move(digests)) {}

  /// {"benchmark": SHA-256 of the annotation files, "questions": of every question's id, skill and picture names,
  /// "pictures": of their contents}. Throws what loading throws; a picture that is missing is found here, before any
  /// training.
  const nlohmann::json& inputs(const eval::BenchmarkOptions& options) { return read(options).inputs; }
  /// How many questions it asks.
  std::int64_t questions(const eval::BenchmarkOptions& options) { return read(options).questions; }
  /// What to know before its scores are compared with others': another release (eval/releases.h), questions that
  /// cannot be asked; usually nothing. Logged as warnings when a benchmark is read first.
  const std::vector<std::string>& notes(const eval::BenchmarkOptions& options) { return read(options).notes; }

 private:
  struct Known {
    nlohmann::json inputs;
    std::int64_t questions = 0;
    std::vector<std::string> notes;
  };
  const Known& read(const eval::BenchmarkOptions& options);

  std::filesystem::path image_cache_;
  FileDigests digests_;
  std::map<std::string, Known> known_;  // by the options' text
};

}  // namespace scalselect::pipeline
