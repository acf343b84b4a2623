// Every case of golden/compose/cases.json and jobs.json, made with hydra-core 1.3.2: composed text, resolved text, or
// refusal, and what the jobs of a sweep see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "experiments/config/answers.h"

namespace scalselect::config {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct Output {
  int code;
  std::string out, err;
};

/// What `--cfg job` prints for the words of a case.
Output run(const ComposeRequest& request, bool resolve, const std::string& format) {
  try {
    return {0, cfg_text(compose(request), "job", resolve, "", format), ""};
  } catch (const UserError& error) {
    return {exit_code(error.kind()), "", error.problem()};
  }
}

/// Python's JSON (which has NaN and Infinity) compared as text without layout.
std::string squeezed(const std::string& text) {
  std::string out;
  bool in_string = false, escaped = false;
  for (const char c : text) {
    if (c == '"' && !escaped) in_string = !in_string;
    escaped = c == '\\' && !escaped;
    if (in_string || (c != ' ' && c != '\n')) out += c;
  }
  return out;
}

class ComposeGolden : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream stream(SCALSELECT_TEST_DATA "/compose/cases.json");
    data_ = ordered_json::parse(stream);
    root_ = fs::temp_directory_path() / ("scalselect_compose_" + std::to_string(::getpid()));
    for (const auto& [folder, files] : data_["folders"].items()) {
      for (const auto& [name, text] : files.items()) {
        const fs::path path = root_ / folder / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text.get<std::string>();
      }
    }
    setenv("GOLDEN_SET", "from outside", 1);
    unsetenv("GOLDEN_UNSET");
  }
  void TearDown() override { fs::remove_all(root_); }

  ComposeRequest request(const ordered_json& c) const {
    return {{(root_ / c["folder"].get<std::string>()).string()}, c["config"], c["overrides"]};
  }

  ordered_json data_;
  fs::path root_;
};

TEST_F(ComposeGolden, AgreesWithHydra) {
  std::size_t compositions = 0, refusals = 0;
  for (const auto& c : data_["cases"]) {
    SCOPED_TRACE(c["folder"].get<std::string>() + "/" + c["config"].get<std::string>() + " " + c["overrides"].dump());
    const Output yaml = run(request(c), false, "yaml");
    if (c.contains("refused")) {
      ++refusals;
      EXPECT_EQ(yaml.code, 2) << yaml.out;
      EXPECT_THAT(yaml.err, testing::StartsWith(c["refused"].get<std::string>()));
      continue;
    }
    ++compositions;
    EXPECT_EQ(yaml.code, 0) << yaml.err;
    EXPECT_EQ(yaml.out, c["yaml"].get<std::string>());
    EXPECT_EQ(squeezed(run(request(c), false, "json").out), squeezed(c["json"].get<std::string>()));
    const Output resolved = run(request(c), true, "yaml");
    if (c["resolved_yaml"].is_null()) {
      EXPECT_EQ(resolved.code, 2) << resolved.out;
      continue;
    }
    EXPECT_EQ(resolved.out, c["resolved_yaml"].get<std::string>()) << resolved.err;
    EXPECT_EQ(squeezed(run(request(c), true, "json").out), squeezed(c["resolved_json"].get<std::string>()));
  }
  EXPECT_GE(compositions, 60u);
  EXPECT_GE(refusals, 60u);
}

TEST(ComposeJobs, SeeTheirNumberAsHydrasDo) {
  std::ifstream stream(SCALSELECT_TEST_DATA "/compose/jobs.json");
  const auto data = ordered_json::parse(stream);
  const fs::path root = fs::temp_directory_path() / ("scalselect_jobs_" + std::to_string(::getpid()));
  for (const auto& [name, text] : data["files"].items()) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text.get<std::string>();
  }
  setenv("GOLDEN_ROOT", root.c_str(), 1);
  for (const auto& c : data["cases"]) {
    SCOPED_TRACE(c["config"].get<std::string>() + " " + c["overrides"].dump());
    ComposeRequest request{{(root / "conf").string()}, c["config"], {}, true};
    for (std::string word : c["overrides"]) {
      if (const auto at = word.find("ROOT"); at != std::string::npos) word.replace(at, 4, root.string());
      if (word.starts_with("--config-dir=")) request.config_dirs.push_back(word.substr(13));
      else request.overrides.push_back(word);
    }
    const auto jobs = multirun_jobs(request);
    ASSERT_EQ(jobs.size(), c["jobs"].size());
    request.multirun = false;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      request.overrides = jobs[i];
      request.job_num = static_cast<std::int64_t>(i);
      EXPECT_EQ(compose(request).json(), nlohmann::json(c["jobs"][i]));
    }
  }
  fs::remove_all(root);
}

TEST(ComposeJobs, OutsideASweepThereIsNoNumber) {
  const fs::path root = fs::temp_directory_path() / ("scalselect_no_job_" + std::to_string(::getpid()));
  fs::create_directories(root);
  std::ofstream(root / "config.yaml") << "seed: ${hydra:job.num}\n";
  // As hydra-core 1.3.2: its `hydra` resolver gives None for what is still ???.
  EXPECT_TRUE(compose({{root.string()}, "config", {}}).json().at("seed").is_null());
  fs::remove_all(root);
}

}  // namespace
}  // namespace scalselect::config
