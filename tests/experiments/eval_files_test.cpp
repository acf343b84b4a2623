// eval rescore and diff on the answers of runs in a store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/store.h"
#include "eval/exchange/imported.h"
#include "eval/registry.h"
#include "experiments/app/answer_files.h"
#include "experiments/app/eval_command.h"
#include "report_fixtures.h"

namespace scalselect::app {
namespace {

namespace fs = std::filesystem;
using report::testing::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

const fs::path kGolden = fs::path(SCALSELECT_TEST_DATA).parent_path().parent_path() / "eval/golden/exchange";

/// Two runs that answered MMBench, by what VLMEvalKit and LLaVA recorded.
class EvalFilesTest : public ::testing::Test {
 protected:
  EvalFilesTest() {
    eval::BenchmarkOptions options;
    options.kind = "mmbench";
    options.name = "mmbench_en";
    options.path = (kGolden / "mmbench.tsv").string();
    const auto benchmark = eval::make_benchmark(options);
    const auto loaded = benchmark->load_usable((folder_.path / "cache").string());
    for (const auto& [file, id] : {std::pair{"vlmevalkit_mmbench.xlsx", &first_}, {"llava_mmbench.jsonl", &second_}}) {
      const auto answers = eval::read_answers(kGolden / file);
      const auto joined = eval::join_answers(*benchmark, loaded, answers);
      const auto folder = folder_.path / file;
      write_file_atomically(folder / "predictions.jsonl",
                            eval::imported_lines(*benchmark, answers, joined, eval::MissingAnswers::kKeep));
      nlohmann::ordered_json config;
      config["eval"]["benchmarks"] = {dump_options(options)};
      *id = store_.start_run({"x", file, file, config, {}, {}, {}});
      store_.log_artifact(*id, {"predictions/mmbench_en", folder.string(), "digest", 0});
      store_.finish_run(*id, "finished");
    }
  }

  /// What a verb prints, or its error.
  std::string run(int (*verb)(const Words&), Words words) const {
    words.push_back("store=" + (folder_.path / "store.sqlite").string());
    ::testing::internal::CaptureStdout();
    const auto error = error_of([&] { verb(words); });
    const auto printed = ::testing::internal::GetCapturedStdout();
    return error.empty() ? printed : error;
  }

  report::testing::TempFolder folder_;
  Store store_{folder_.path / "store.sqlite"};
  std::string first_, second_;
};

TEST_F(EvalFilesTest, RunsAreReadByTheirIds) {
  EXPECT_THAT(run(eval_rescore, {first_.substr(0, 8), "matcher=vk-2026"}),
              AllOf(HasSubstr("mmbench_en (" + first_ + "): vlmevalkit_mmbench.xlsx, 26 answers"),
                    HasSubstr("accuracy      25.0000")));
  EXPECT_THAT(run(eval_diff, {first_, second_}), AllOf(HasSubstr("mmbench_en: 26 questions in both"),
                                                       HasSubstr("A  " + first_), HasSubstr("B  " + second_)));
}

TEST_F(EvalFilesTest, ARunAndAFileOfTheSameBenchmarkCompare) {
  const auto file = (folder_.path / "llava_mmbench.jsonl" / "predictions.jsonl").string();
  EXPECT_THAT(run(eval_diff, {first_, file, "kind=mmbench"}), HasSubstr("26 questions in both"));
  EXPECT_THAT(run(eval_diff, {(folder_.path / "llava_mmbench.jsonl").string(), file}),
              AllOf(HasSubstr("nothing"), HasSubstr("0 only A right, 0 only B right")));
}

TEST_F(EvalFilesTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(run(eval_rescore, {first_, "benchmark=mmbench_cn"}),
              AllOf(HasSubstr("has no answers to 'mmbench_cn'. Did you mean 'mmbench_en'?"), HasSubstr("mmbench_en.")));
  fs::remove_all(folder_.path / "vlmevalkit_mmbench.xlsx");
  EXPECT_THAT(run(eval_rescore, {first_}), HasSubstr("which is gone."));
  const auto bare = store_.start_run({"x", "bare", "bare", {}, {}, {}, {}});
  store_.finish_run(bare, "finished");
  EXPECT_THAT(run(eval_rescore, {bare}), HasSubstr("has no answers."));
  EXPECT_THAT(run(eval_rescore, {"zzzzzzzz"}), HasSubstr("zzzzzzzz"));
}

TEST_F(EvalFilesTest, ABenchmarksNameTellsItsKind) {
  const auto named = [&](const std::string& name) {
    const auto file = folder_.path / "named.jsonl";
    write_file_atomically(file, "{\"bench\": \"" + name + "\"}\n");
    std::string kind;
    const auto error =
        error_of([&] { kind = answer_files("eval rescore", PlainWords(), file.string()).front().benchmark.kind; });
    return error.empty() ? kind : error;
  };
  EXPECT_EQ(named("mini-mmbench"), "mmbench");
  EXPECT_EQ(named("MME"), "mme");
  EXPECT_EQ(named("pope_adversarial"), "pope");
  EXPECT_THAT(named("mine"), HasSubstr("no kind of benchmark is called that: say kind=NAME, one of mmbench,"));
  EXPECT_THAT(named("mme-or-pope"), HasSubstr("say kind=NAME"));
}

}  // namespace
}  // namespace scalselect::app
