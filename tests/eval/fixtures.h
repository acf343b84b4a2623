// Small benchmark files on disk, and a model that answers by a table.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/probes.h"
#include "eval/benchmark.h"
#include "tests/message_of.h"

namespace scalselect::eval::testing {

/// A folder that disappears with the test.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::string write(const std::string& name, const std::string& bytes) const;
  std::string text() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// A PNG of one pixel, different for each number, whose base64 is too long for a reference.
std::string fake_png(int number);
std::string base64(const std::string& bytes);
std::string golden(const std::string& name);

/// Answers by a function of the prompt; counts calls, and can be set to fail after a number of them.
class TableGenerator final : public TextGenerator {
 public:
  explicit TableGenerator(std::function<std::string(const GenerationPrompt&)> answer) : answer_(std::move(answer)) {}
  std::vector<std::string> generate(std::span<const GenerationPrompt> prompts, const GenerationOptions&) override;
  int prompts_seen = 0;
  int fail_after_calls = -1;

 private:
  std::function<std::string(const GenerationPrompt&)> answer_;
};

/// A 3-question MMBench file (4, 3 and 2 options, all rotations, image references), as BenchmarkOptions.
BenchmarkOptions write_mmbench(const TempFolder& folder);
/// POPE's folder: three splits of `images` pictures with one yes and one no question each.
BenchmarkOptions write_pope(const TempFolder& folder, int images);

}  // namespace scalselect::eval::testing
