// Reports from a store and its artifacts on disk: what is collected, what is refused, and whose files are touched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/log_listener.h"
#include "core/probes.h"
#include "data/image.h"
#include "eval/answering.h"
#include "eval/predictions.h"
#include "eval/registry.h"
#include "experiments/report/report.h"
#include "report_fixtures.h"

namespace scalselect::report {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::Not;

/// Says yes to everything.
class YesModel final : public TextGenerator {
 public:
  std::vector<std::string> generate(std::span<const GenerationPrompt> prompts, const GenerationOptions&) override {
    return std::vector<std::string>(prompts.size(), "Yes");
  }
};

/// A store whose runs chose from a pool of four samples and answered a POPE of two questions.
class ReportStoreTest : public ::testing::Test {
 protected:
  ReportStoreTest() {
    testing::make_pool(folder_);
    for (const char* picture : {"a.png", "b.png"}) {
      write_file_atomically(at("pope") / "images" / picture,
                            encode_png({1, 1, {static_cast<std::uint8_t>(*picture), 0, 0}}));
    }
    write_file_atomically(at("pope") / "coco_pope_random.json",
                          R"({"question_id": 1, "image": "a.png", "text": "Is there a dog?", "label": "yes"}
{"question_id": 2, "image": "b.png", "text": "Is there a cat?", "label": "no"}
)");
    benchmark_.kind = benchmark_.name = "pope";
    benchmark_.path = at("pope").string();
  }

  fs::path at(const std::string& name) const { return folder_.path / name; }

  /// A finished run with its artifacts; returns its id.
  std::string add_run(const std::string& experiment, const std::string& method, const std::string& rows,
                      const std::string& batch_size = "16") {
    const auto hash = experiment + "-" + method + list_ + "-" + batch_size + "-" + text_only_;
    nlohmann::ordered_json config = {
        {"budget", 0.5},
        {"seed", 3},
        {"report", at("report").string()},
        {"text_only", text_only_},
        {"trainer", {{"batch_size", batch_size}}},
        {"eval", {{"benchmarks", {dump_options(benchmark_)}}, {"bootstrap", {{"replicates", 20}}}}}};
    if (!list_.empty()) config["method"] = {{"name", "ids"}, {"path", "lists/" + list_ + ".json"}};
    const auto id =
        store_.start_run({experiment, method + " budget=0.5 seed=3", hash, config, {{"method", method}}, {}, {}});
    const auto selection = at(hash) / "selection", answers = at(hash) / "predictions";
    write_file_atomically(selection / "rows.txt", rows);
    write_file_atomically(selection / "facts.json", R"({"k": 2})");
    if (method == "scalselect") write_file_atomically(selection / "scores.tsv", "1\t0.5\n3\t0.75\n");
    YesModel model;
    const auto benchmark = eval::make_benchmark(benchmark_);
    eval::evaluate(*benchmark, benchmark->load(""), model, {}, answers / "predictions.jsonl");
    store_.log_artifact(id, {"pool", at("pool.json").string(), "", 0});
    store_.log_artifact(id, {"selection", selection.string(), "", 0});
    store_.log_artifact(id, {"predictions/pope", answers.string(), "", 0});
    store_.log_metrics(
        id,
        {{"select/cpu_s", 0, 1.5}, {"rows/rejected/no turns", 0, 2}, {"train/loss", 1, 2.0}, {"train/loss", 2, 1.0}});
    store_.finish_run(id, "finished");
    return id;
  }

  std::string write(const std::string& experiment, const fs::path& folder = {}) const {
    return error_of([&] { write_report({at("store.sqlite"), experiment, folder}); });
  }

  testing::TempFolder folder_;
  Store store_{folder_.path / "store.sqlite"};
  eval::BenchmarkOptions benchmark_;
  std::string text_only_ = "auto";  ///< of the runs that are added
  std::string list_;                ///< their method.path is lists/….json; empty: they have none
};

TEST_F(ReportStoreTest, CollectsSelectionsAnswersAndCostsOfFinishedRuns) {
  add_run("x", "scalselect", "3\n1\n");
  add_run("x", "full", "0\n1\n2\n3\n");
  store_.finish_run(store_.start_run({"x", "random", "r", {}, {}, {}, {}}), "failed", "Out of memory.");
  const auto found = collect(store_, "x");
  ASSERT_EQ(found.runs.size(), 2U);
  EXPECT_EQ(found.runs[0].label(), "full") << "first, whenever it was made";
  const auto& run = found.runs[1];
  EXPECT_EQ(run.label(), "scalselect 50 %");
  EXPECT_EQ(run.seed, 3);
  EXPECT_EQ(run.regime, "epochs");
  EXPECT_THAT(run.rows, ElementsAre(3, 1));
  EXPECT_TRUE(std::isnan(run.scores[0]));
  EXPECT_EQ(run.scores[3], 0.75);
  EXPECT_EQ(run.facts["k"], 2);
  EXPECT_EQ(run.selection.at("cpu_s"), 1.5);
  EXPECT_EQ(run.row_counts.at("rejected/no turns"), 2);
  EXPECT_EQ(run.steps, 2);
  EXPECT_THAT(run.losses, ElementsAre(2, 1));
  EXPECT_EQ(run.benchmarks.at(0).name, "pope");
  const auto& sheet = run.sheets.at(0);
  EXPECT_EQ(sheet.kind, "pope");
  EXPECT_EQ(sheet.style, "llava");
  EXPECT_EQ(sheet.matcher, "official (default)");
  EXPECT_GT(sheet.max_new_tokens, 0);
  EXPECT_EQ(sheet.answered, 2);
  EXPECT_EQ(sheet.left_out(), 0);
  ASSERT_EQ(sheet.units.units.size(), 2U);
  EXPECT_EQ(sheet.units.units[0].score + sheet.units.units[1].score, 1) << "yes is right once";
  EXPECT_EQ(sheet.units.parts, std::vector<std::string>{"random"});
  EXPECT_THAT(found.failed, ElementsAre("random: Out of memory."));
  EXPECT_EQ(answers_of(store_, run.row).at(0).responses, std::vector<std::string>(2, "Yes"));
}

TEST_F(ReportStoreTest, AnswersWithoutATrainingAreNoReport) {
  const auto id = store_.start_run({"eval", "imported", "hash", {}, {}, {}, {}});
  store_.log_artifact(id, {"predictions/pope", folder_.path.string(), "", 0});
  store_.finish_run(id, "finished");
  EXPECT_THAT(write("eval"), HasSubstr("has 1 finished runs of `eval` and `eval import` alone"));
}

TEST_F(ReportStoreTest, FinishedRunsWithoutARowAreCounted) {
  add_run("x", "full", "0\n1\n2\n3\n");
  add_run("x", "random", "0\n1\n");
  EXPECT_EQ(sentence_on_other_runs(collect(store_, "x")), "");
  for (const char* name : {"imported", "answered"}) {
    const auto id = store_.start_run({"x", name, name, {}, {}, {}, {}});
    store_.log_artifact(id, {"predictions/pope", folder_.path.string(), "", 0});
    store_.finish_run(id, "finished");
  }
  const auto found = collect(store_, "x");
  EXPECT_EQ(found.runs.size(), 2U);
  EXPECT_EQ(found.answers_alone, 2U);
  EXPECT_THAT(sentence_on_other_runs(found), AllOf(HasSubstr("no row here: 2 of `eval` or `eval import`"),
                                                   HasSubstr("`scalselect runs experiment=x`")));
  const auto files = write_report({at("store.sqlite"), "x", at("report")});
  for (const auto& text : {files.table_text, read_file(at("report") / "table.md"), read_file(files.page)})
    EXPECT_THAT(text, HasSubstr("2 of `eval` or `eval import`"));
}

TEST_F(ReportStoreTest, ArtifactsThatAreGoneOrDamagedAreNamed) {
  add_run("rows", "full", "0\n4\n");
  EXPECT_THAT(error_of([&] { collect(store_, "rows"); }), HasSubstr("rows.txt' is damaged: the pool has no row 4."));
  add_run("text", "full", "0\nx\n");
  EXPECT_THAT(error_of([&] { collect(store_, "text"); }), HasSubstr("something other than numbers"));
  const auto id = add_run("gone", "full", "0\n");
  fs::remove_all(at("gone-full-16-auto"));
  EXPECT_THAT(error_of([&] { collect(store_, "gone"); }), HasSubstr("Run " + id + " (full budget=0.5 seed=3) names '"));
  EXPECT_THAT(error_of([&] { collect(store_, "gon"); }), HasSubstr("Did you mean 'gone'?"));
}

TEST_F(ReportStoreTest, RunsThatDifferInUnprintedSettingsAreNotMixed) {
  add_run("x", "full", "0\n1\n2\n3\n");
  add_run("x", "random", "0\n1\n");
  add_run("x", "random", "0\n1\n", "32");
  EXPECT_THAT(error_of([&] { collect(store_, "x"); }), HasSubstr("are both 'random 50 %' with seed 3, but differ"));
}

TEST_F(ReportStoreTest, ListsAreNamedByTheirFilesAndShowHowManyRowsTheyHave) {
  add_run("x", "full", "0\n1\n2\n3\n");
  list_ = "icons";
  add_run("x", "ids", "0\n1\n");
  list_ = "visnec";
  add_run("x", "ids", "1\n2\n3\n");
  const auto found = collect(store_, "x");
  ASSERT_EQ(found.runs.size(), 3U);
  EXPECT_EQ(found.runs[1].label(), "ids icons 50 %") << "as many as the budget asks for";
  EXPECT_EQ(found.runs[2].label(), "ids visnec 3");
  EXPECT_EQ(found.runs[2].share(), 0.75);
}

TEST_F(ReportStoreTest, PoliciesForTextAreRowsOfTheirOwn) {
  add_run("x", "full", "0\n1\n2\n3\n");
  add_run("x", "random", "0\n1\n");
  text_only_ = "keep";
  add_run("x", "full", "0\n1\n2\n3\n");
  add_run("x", "random", "0\n2\n");
  const auto found = collect(store_, "x");
  ASSERT_EQ(found.runs.size(), 3U) << "the full pool is the same with either";
  EXPECT_EQ(found.runs[1].label(), "random text_only=auto 50 %");
  EXPECT_EQ(found.runs[2].label(), "random text_only=keep 50 %");
  text_only_ = "drop";
  add_run("x", "full", "0\n1\n");
  EXPECT_THAT(error_of([&] { collect(store_, "x"); }), HasSubstr("are both 'full'"));
}

TEST_F(ReportStoreTest, QuestionsThatCouldNotBeAskedAreCountedAndTheRowSaysSo) {
  add_run("x", "full", "0\n1\n2\n3\n");
  add_run("x", "random", "0\n1\n");
  write_file_atomically(at("x-random-16-auto") / "predictions" / "unusable.jsonl",
                        "{\"id\": \"random/7\", \"reason\": \"the picture is missing\"}\n"
                        "{\"id\": \"random/8\", \"reason\": \"the picture is missing\"}\n"
                        "{\"id\": \"random/9\", \"reason\": \"the id is used twice\"}\n");
  const auto found = collect(store_, "x");
  EXPECT_TRUE(found.runs[0].is_complete());
  EXPECT_FALSE(found.runs[1].is_complete());
  EXPECT_EQ(found.runs[1].sheets.at(0).left_out(), 3);
  ASSERT_EQ(write("x"), "");
  const auto text = read_file(at("report") / "table.md");
  EXPECT_THAT(text, HasSubstr("| random † | 50 % |"));
  EXPECT_THAT(text,
              HasSubstr("of POPE up to 3 of 5 questions could not be asked in 1 of 2 runs: the picture is missing "
                        "(2); the id is used twice (1)"));
  EXPECT_THAT(text, HasSubstr("2 of 2, 2 of 5"));
  EXPECT_THAT(read_file(at("report") / "report.html"), HasSubstr("random †"));
  const auto tree = nlohmann::json::parse(read_file(at("report") / "table.json"));
  EXPECT_EQ(tree["tables"][0]["rows"][1]["complete"], false);
  EXPECT_EQ(tree["tables"][0]["answers"][1]["unusable"], 3);
}

TEST_F(ReportStoreTest, OnlyFilesOfTheEarlierReportAreRemoved) {
  add_run("x", "full", "0\n1\n2\n3\n");
  ASSERT_EQ(write("x"), "");
  const auto report = at("report");  // as the runs are configured
  auto table = nlohmann::ordered_json::parse(read_file(report / "table.json"));
  for (const char* name : {"stale.svg", "../outside.txt"}) table["files"].push_back(name);
  write_file_atomically(report / "table.json", table.dump());
  for (const char* name : {"report/stale.svg", "report/mine.txt", "outside.txt"}) write_file_atomically(at(name), "");
  ASSERT_EQ(write("x"), "");
  EXPECT_FALSE(fs::exists(report / "stale.svg"));
  EXPECT_TRUE(fs::exists(report / "mine.txt"));
  EXPECT_TRUE(fs::exists(at("outside.txt")));
  for (const char* name : {"table.md", "table.tex", "table.csv", "table.json", "tests.csv", "costs.md", "report.html"})
    EXPECT_TRUE(fs::exists(report / name)) << name;
}

TEST_F(ReportStoreTest, WithoutGnuplotThereIsAReportWithoutPlots) {
  add_run("x", "full", "0\n1\n2\n3\n");
  add_run("x", "random", "0\n1\n");
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  std::vector<std::string> logged;
  {
    const LogListener listener([&](LogLevel, const std::string& text) { logged.push_back(text); });
    EXPECT_EQ(write("x"), "");
  }
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(logged, Contains(AllOf(HasSubstr("has no plots: gnuplot"), HasSubstr("report experiment=x` will draw"))));
  EXPECT_THAT(read_file(at("report") / "table.md"), HasSubstr("random"));
  EXPECT_THAT(read_file(at("report") / "report.html"), Not(HasSubstr("<img alt")));
}

TEST_F(ReportStoreTest, TheReportOfAnotherExperimentIsNotOverwritten) {
  add_run("x", "full", "0\n1\n2\n3\n");
  add_run("y", "full", "0\n1\n2\n3\n");
  ASSERT_EQ(write("x"), "");
  const auto before = read_file(at("report") / "report.html");
  EXPECT_THAT(write("y"), HasSubstr("holds the report of experiment 'x', not of 'y'"));
  EXPECT_EQ(read_file(at("report") / "report.html"), before);
  EXPECT_EQ(write("y", at("elsewhere")), "");
}

}  // namespace
}  // namespace scalselect::report
