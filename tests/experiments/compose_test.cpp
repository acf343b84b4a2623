// What goes beyond Hydra's own answers: hints, origins, sweeps, texts, and the one place where head is followed.
#include "experiments/config/compose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "experiments/config/answers.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Pair;

class Compose : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("scalselect_config_" + std::to_string(::getpid()));
    write("config.yaml",
          "defaults:\n  - method: random\n  - trainer: lora\n  - _self_\n\nseed: 1\nout: ${hydra.job.name}/${seed}\n");
    write("method/random.yaml", "name: random\n");
    write("method/length.yaml", "name: length\n");
    write("trainer/lora.yaml", "lr: 0.1\ndata: ???\n");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }

  ComposeRequest request(std::vector<std::string> overrides = {}) const {
    ComposeRequest r;
    r.config_dirs = {root_.string()};
    r.config_name = "config";
    r.overrides = std::move(overrides);
    return r;
  }

  std::string refusal(std::vector<std::string> overrides) const {
    try {
      compose(request(std::move(overrides)));
    } catch (const UserError& error) {
      return error.what();
    }
    return "composed";
  }

  fs::path root_;
};

TEST_F(Compose, UnknownKeyNamesTheNearestKeyAndTheFile) {
  EXPECT_THAT(refusal({"trainer.lrr=1"}), HasSubstr("Did you mean 'lr'?"));
  EXPECT_THAT(refusal({"trainer.lrr=1"}), HasSubstr("trainer/lora.yaml"));
  EXPECT_THAT(refusal({"metod=length"}), HasSubstr("Did you mean 'method'?"));
  EXPECT_THAT(refusal({"lr=1"}), HasSubstr("Did you mean 'trainer.lr'?"));
  EXPECT_THAT(refusal({"method=lenght"}), HasSubstr("Did you mean 'length'?"));
}

TEST_F(Compose, AWrongOptionIsAnsweredWithWhatMayBeMeant) {
  write("experiment/mini/demo.yaml", "# @package _global_\nseed: 2\n");
  write("config.yaml", "defaults:\n  - pool: ready\n  - experiment: null\n");
  write("pool/ready.yaml", "kind: ready\n");
  write("pool/file.yaml", "kind: file\npath: ???\n");
  EXPECT_THAT(refusal({"experiment=demo"}), HasSubstr("Did you mean 'experiment=mini/demo'?"));
  EXPECT_THAT(refusal({"experiment=nothing"}), HasSubstr("Available options in 'experiment':\n\tmini/demo"));
  EXPECT_THAT(refusal({"pool=data/p.json"}), HasSubstr("Did you mean 'pool=file pool.path=data/p.json'?"));
  EXPECT_THAT(refusal({"pool=reddy"}), HasSubstr("Did you mean 'ready'?"));
}

TEST_F(Compose, RegisteredNodesAreOptionsAndFilesAreMergedOverThem) {
  const ConfigNodes nodes = {{"method/length", R"({"name": "length", "longest": true, "count": "user"})"},
                             {"method/other", R"({"name": "other", "eps": 1e-08})"}};
  write("method/length.yaml", "count: all\n");
  auto asked = request({"method=length", "method.longest=false"});
  asked.nodes = &nodes;
  EXPECT_EQ(compose(asked).json()["method"].dump(), R"({"count":"all","longest":false,"name":"length"})");
  asked.overrides = {"method=other"};
  EXPECT_EQ(compose(asked).json()["method"]["eps"], 1e-8);
  EXPECT_THAT(group_options(asked, "method"), ElementsAre("length", "other", "random"));
}

TEST_F(Compose, AFolderBesideTheUsersFilesIsNoGroupWhereAValueIsMeant) {
  write("config.yaml", "defaults:\n  - method: random\n  - _self_\nout: null\nthreads: null\n");
  write("mine/out/table.json", "{}");
  write("mine/out/other.yaml", "a: 1\n");
  write("mine/threads/x.txt", "");
  write("mine/method/own.yaml", "name: own\n");
  auto asked = request({"out=out", "threads=4", "method=own"});
  asked.config_dirs.push_back((root_ / "mine").string());
  const auto tree = compose(asked).json();
  EXPECT_EQ(tree["out"], "out");
  EXPECT_EQ(tree["threads"], 4);
  EXPECT_EQ(tree["method"]["name"], "own");
  asked.overrides = {"out=other"};  // the folder has it
  EXPECT_THROW(compose(asked), UserError);
}

TEST_F(Compose, GlobsSeeFoldersOfTheSearchPath) {
  write("more/method/theirs.yaml", "name: theirs\n");
  const auto jobs = multirun_jobs(request({"hydra.searchpath=[" + (root_ / "more").string() + "]", "method=glob(*)"}));
  ASSERT_EQ(jobs.size(), 3u);
  EXPECT_EQ(jobs[2].back(), "method=theirs");
  EXPECT_THAT(refusal({"hydra.searchpath=[pkg://somewhere]"}), HasSubstr("is not a folder"));
}

TEST_F(Compose, AFolderThatIsMissingIsRefused) {
  auto asked = request();
  asked.config_dirs.push_back("/no/such/folder");
  EXPECT_THROW(compose(asked), UserError);
}

TEST_F(Compose, RecordsKeepTheEnvironmentOut) {
  setenv("SCALSELECT_TEST_TOKEN", "s3cret", 1);
  write(
      "config.yaml",
      "token: ${oc.env:SCALSELECT_TEST_TOKEN}\nurl: https://${token}@host\nof: {env: '${oc.env:UNSET_NAME,a b}'}\n"
      "nested: ${oc.env:${name}}\nname: SCALSELECT_TEST_TOKEN\nlate: ${choices.${token}}\nchoices: {s3cret: 1}\nn: 2\n"
      "again: ${oc.decode:${token}}\n");
  const auto composed = compose(request());
  const auto real = composed.json();
  EXPECT_EQ(real["url"], "https://s3cret@host");
  EXPECT_EQ(real["late"], 1);
  EXPECT_EQ(real["again"], "s3cret");
  auto record = composed.json_without_environment();
  record.erase("choices");  // the key itself is written in the file
  EXPECT_THAT(record.dump(), testing::Not(HasSubstr("s3cret")));
  EXPECT_EQ(record["token"], "${oc.env:SCALSELECT_TEST_TOKEN}");
  EXPECT_EQ(record["url"], "https://${oc.env:SCALSELECT_TEST_TOKEN}@host");
  EXPECT_EQ(record["nested"], "${oc.env:SCALSELECT_TEST_TOKEN}");
  EXPECT_EQ(record["of"]["env"], "${oc.env:UNSET_NAME,a\\ b}");
  EXPECT_EQ(record["late"], "${choices.${token}}");
  EXPECT_EQ(record["n"], 2);
}

TEST_F(Compose, GrammarErrorHasACaretUnderTheColumn) {
  EXPECT_THAT(refusal({"seed=[1"}), HasSubstr("\n  seed=[1\n         ^"));
}

TEST_F(Compose, KnowsWhereAKeyWasSet) {
  const auto origin = compose(request({"seed=5"})).origin();
  EXPECT_THAT(origin("trainer.lr"), EndsWith("trainer/lora.yaml:1"));
  EXPECT_EQ(origin("seed"), "the override 'seed=5'");
  EXPECT_THAT(origin("trainer.lr.unknown"), EndsWith("trainer/lora.yaml:1"));
}

TEST_F(Compose, ChoicesLeaveHydraOut) {
  const auto config = compose(request({"method=length"}));
  EXPECT_THAT(config.choices, ElementsAre(Pair("method", "length"), Pair("trainer", "lora")));
  EXPECT_EQ(config.config.find("hydra"), nullptr);
  EXPECT_EQ(config.json()["out"], "scalselect/1");
}

TEST_F(Compose, EveryMissingValueIsListed) {
  write("config.yaml", "a: ???\nb: {c: '\?\?\?'}\n");
  try {
    require_complete(compose(request()));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("Missing mandatory value(s): a, b.c"));
  }
}

TEST_F(Compose, AppendedConfigOverridesWhatThePrimaryFileOverrides) {
  // Hydra 1.3.2 keeps the primary file's choice here, later versions let the last one in the list win (issue 3229).
  write("config.yaml", "defaults:\n  - method: random\n  - override method: random\n");
  write("experiment/e.yaml", "# @package _global_\ndefaults:\n  - override /method: length\n");
  EXPECT_EQ(compose(request({"+experiment=e"})).json()["method"]["name"], "length");
}

TEST_F(Compose, SelfIncludingDefaultsEndInAMessage) {
  write("method/loop.yaml", "defaults:\n  - loop\n");
  EXPECT_THAT(refusal({"method=loop"}), HasSubstr("includes itself"));
}

TEST_F(Compose, SweepsVaryTheLastKeyFastest) {
  const auto jobs = multirun_jobs(request({"seed=1,2", "method=glob(*)", "trainer.lr=5"}));
  ASSERT_EQ(jobs.size(), 4u);
  EXPECT_THAT(jobs[0], ElementsAre("seed=1", "method=length", "trainer.lr=5"));
  EXPECT_THAT(jobs[1], ElementsAre("seed=1", "method=random", "trainer.lr=5"));
  EXPECT_THAT(jobs[3], ElementsAre("seed=2", "method=random", "trainer.lr=5"));
}

TEST_F(Compose, AllIsWhatTheExperimentSweepsOrEveryOption) {
  const auto every = multirun_jobs(request({"method=all"}));
  ASSERT_EQ(every.size(), 2u);
  EXPECT_THAT(every[0], ElementsAre("method=length"));
  EXPECT_THAT(refusal({"method=all"}), HasSubstr("method/all"));  // without -m it is an option like any other
  write("experiment/e.yaml", "# @package _global_\nhydra: {sweeper: {params: {method: random, seed: '1,2'}}}\n");
  const auto listed = multirun_jobs(request({"+experiment=e", "method=all"}));
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_THAT(listed[1], ElementsAre("method=random", "seed=2", "+experiment=e"));
  write("method/needs_a_file.yaml", "name: ids\npath: ???\n");
  EXPECT_EQ(multirun_jobs(request({"method=all"})), every);
  write("method/all.yaml", "name: all\n");
  EXPECT_THAT(multirun_jobs(request({"method=all"})), ElementsAre(ElementsAre("method=all")));
}

TEST_F(Compose, SweeperParamsComeFirstAndTheCommandLineWins) {
  write("config.yaml", "hydra: {sweeper: {params: {a: '1,2', b: 'range(2)'}}}\na: 0\nb: 0\n");
  const auto jobs = multirun_jobs(request({"b=7"}));
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_THAT(jobs[1], ElementsAre("a=2", "b=7"));
}

std::vector<std::string> values_of(const std::string& sweep) {
  std::vector<std::string> out;
  for (const auto& job : expand_sweep({sweep}, [](const std::string&) { return std::vector<std::string>(); })) {
    out.push_back(job[0].substr(2));
  }
  return out;
}

TEST(Sweep, RangesAreDecimal) {
  EXPECT_THAT(values_of("x=range(0,10,3.3)"), ElementsAre("0.0", "3.3", "6.6", "9.9"));
  EXPECT_EQ(values_of("x=range(0,1,0.1)")[3], "0.3");
  EXPECT_EQ(values_of("x=range(0,1,0.1)").size(), 10u);
  EXPECT_THAT(values_of("x=range(-5,step=-1)"), ElementsAre("0", "-1", "-2", "-3", "-4"));
  EXPECT_THAT(values_of("x=range(1,10,2)"), ElementsAre("1", "3", "5", "7", "9"));
  EXPECT_TRUE(values_of("x=range(-10)").empty());
  EXPECT_THROW(values_of("x=range(1,5,0)"), UserError);
  EXPECT_THROW(values_of("x=interval(0,1)"), UserError);
}

TEST(Sweep, ElementsKeepTheirQuotes) {
  EXPECT_THAT(values_of("x='a,b',\"it's\",[a,{b: 'c d'}]"), ElementsAre("'a,b'", "\"it's\"", "[a,{b:'c d'}]"));
  EXPECT_THAT(values_of("x=sort(c,a,b)"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(values_of("x=choice(a\\,b,2)"), ElementsAre("a\\,b", "2"));
  EXPECT_THAT(values_of("x=${a},${b}"), ElementsAre("$\\{a\\}", "$\\{b\\}"));
}

TEST_F(Compose, Texts) {
  const auto config = compose(request());
  EXPECT_EQ(cfg_text(config, "job", false, "method"), "# @package method\nname: random\n");
  EXPECT_THROW(cfg_text(config, "job", false, "nope"), UserError);
  EXPECT_THAT(cfg_text(config, "hydra", false, ""), HasSubstr("      method: random\n      trainer: lora\n"));
  EXPECT_THAT(info_text(config, "defaults"), HasSubstr("| trainer/lora"));
  EXPECT_THAT(info_text(config, "defaults-tree"), HasSubstr("  config:\n    method: random\n"));
  EXPECT_EQ(cfg_text(config, "job", true, "trainer", "json"), "{\"lr\": 0.1, \"data\": \"???\"}\n");
  EXPECT_THROW(cfg_text(config, "jobs", false, ""), UserError);
  EXPECT_THROW(cfg_text(config, "job", false, "", "toml"), UserError);
  EXPECT_THROW(info_text(config, "all"), UserError);
}

}  // namespace
}  // namespace scalselect::config
