#include "experiments/launchers/launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <map>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/log_listener.h"

namespace scalselect::launchers {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A worker that does what its order says.
constexpr char kWorker[] = R"sh(
echo "$(sed -n 's/.*"kind": "\(.*\)".*/\1/p' "$1")" >> "$(dirname "$1")/started"
case $(sed -n 's/.*"kind": "\(.*\)".*/\1/p' "$1") in
  good) echo '{"done": 0.5, "note": "half"}'; echo '{"warning": "1 row left out"}'; echo '{"result": 7}';;
  threads) echo "{\"result\": \"$SCALSELECT_THREADS $OMP_NUM_THREADS $SCALSELECT_DEVICE\"}";;
  silent) ;;
  status) exit 3;;
  sentence) echo '{"error": "There is no model folder."}'; exit 1;;
  memory) kill -KILL $$;;
  crash) echo "what(): no luck" >&2; kill -SEGV $$;;
  flood) i=0; while [ $i -lt 20000 ]; do echo "not JSON: $i"; i=$((i+1)); done; echo '{"result": 7}';;
  signals) kill -INT $$; kill -HUP $$; echo '{"result": 7}';;
  endless) echo $$ > "$1.pid"; while :; do sleep 1; done;;
esac
)sh";

class LocalLauncher : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    write_file_atomically(folder_ / "worker.sh", kWorker);
  }
  Workers workers(int parallel = 1, int threads = 1) const {
    return {{"/bin/sh", (folder_ / "worker.sh").string()}, parallel, threads};
  }
  void add(const std::string& kind, double weight = 1) {
    const auto name = "job" + std::to_string(jobs_.size());
    jobs_.push_back({name, {{"kind", kind}}, folder_ / (name + ".log"), weight});
  }
  std::map<std::size_t, JobResult> run(const Workers& workers) {
    std::map<std::size_t, JobResult> results;
    make_launcher({}, workers)->run(jobs_, [&](std::size_t job, const JobResult& result) {
      EXPECT_TRUE(results.emplace(job, result).second) << "job " << job << " ended twice";
    });
    EXPECT_EQ(results.size(), jobs_.size());
    return results;
  }
  fs::path folder_ = fs::temp_directory_path() / "launcher";
  std::vector<Job> jobs_;
};

TEST_F(LocalLauncher, AJobThatFailsIsNamedAndCostsNoOther) {
  for (const char* kind : {"good", "silent", "status", "memory", "crash", "sentence", "good"}) add(kind);
  const auto results = run(workers(3));
  for (const std::size_t good : {0, 6}) {
    EXPECT_TRUE(results.at(good).ok()) << results.at(good).error;
    EXPECT_EQ(results.at(good).answer, 7);
  }
  EXPECT_THAT(results.at(1).error, HasSubstr("ended without a result"));
  EXPECT_THAT(results.at(2).error, HasSubstr("status 3"));
  EXPECT_THAT(results.at(3).error, HasSubstr("memory ran out"));
  EXPECT_THAT(results.at(4).error, HasSubstr("the last line of its log: what(): no luck"));
  EXPECT_EQ(results.at(5).error, "There is no model folder.");
}

TEST_F(LocalLauncher, WarningsAreLoggedWithTheJobsLabelAndKept) {
  add("good");
  std::vector<std::string> heard;
  const LogListener listener([&](LogLevel level, const std::string& text) {
    if (level == LogLevel::kWarning) heard.push_back(text);
  });
  EXPECT_THAT(run(workers()).at(0).warnings, ElementsAre("1 row left out"));
  EXPECT_THAT(heard, ElementsAre("job0: 1 row left out"));
}

TEST_F(LocalLauncher, HeavierJobsStartFirst) {
  add("silent", 1);
  add("status", 3);
  add("good", 2);
  run(workers());
  EXPECT_EQ(read_file(folder_ / "started"), "status\ngood\nsilent\n");
}

TEST_F(LocalLauncher, WorkersAreGivenTheirThreadsAndDevice) {
  add("threads");
  EXPECT_EQ(run(workers(1, 3)).at(0).answer, "3 3 cpu");
}

TEST_F(LocalLauncher, OutputOutsideTheProtocolDoesNotBlockAWorker) {
  add("flood");
  EXPECT_TRUE(run(workers()).at(0).ok());
}

TEST_F(LocalLauncher, ATerminalsSignalsAreLeftToTheParent) {
  add("signals");
  EXPECT_TRUE(run(workers()).at(0).ok());
}

TEST_F(LocalLauncher, AProgramThatCannotBeStartedIsAFailedJob) {
  add("good");
  EXPECT_THAT(run({{(folder_ / "nowhere").string()}, 1, 1}).at(0).error, HasSubstr("status 127"));
}

TEST_F(LocalLauncher, AnOrderThatCannotBeWrittenIsAFailedJob) {
  add("good");
  add("good");
  write_file_atomically(folder_ / "file", "");
  jobs_[0].log = folder_ / "file" / "a.log";
  const auto results = run(workers());
  EXPECT_THAT(results.at(0).error, HasSubstr("'" + (folder_ / "file").string()));
  EXPECT_TRUE(results.at(1).ok());
}

TEST_F(LocalLauncher, WorkersEndWhenTheLauncherIsLeft) {
  add("endless", 1);
  add("silent", 2);
  const auto file = folder_ / "job0.order.json.pid";
  const auto leave = [&](std::size_t, const JobResult&) {
    for (int i = 0; i < 1000 && !fs::exists(file); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    throw UserError(ErrorKind::kEnvironment, "The store is full.");
  };
  EXPECT_THROW(make_launcher({}, workers(2))->run(jobs_, leave), UserError);
  EXPECT_EQ(::kill(std::stoi(read_file(file)), 0), -1);
}

TEST(Launchers, AnUnknownNameIsRefusedWithTheKnownOnes) {
  EXPECT_THAT(launcher_names(), ElementsAre("local"));
  try {
    make_launcher({"locl"}, {});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("'locl'. Did you mean 'local'?"));
  }
}

TEST(Launchers, AMachineIsDividedAmongItsJobs) {
  const auto divided = [](int threads, int parallel, bool gpu, std::size_t jobs) {
    const auto workers = divide_machine(threads, parallel, gpu, jobs);
    return std::pair(workers.parallel, workers.threads);
  };
  EXPECT_EQ(divided(8, 0, false, 100), std::pair(8, 1));
  EXPECT_EQ(divided(8, 0, false, 3), std::pair(3, 2));
  EXPECT_EQ(divided(8, 0, true, 3), std::pair(1, 8));
  EXPECT_EQ(divided(8, 2, true, 3), std::pair(2, 4));
  EXPECT_EQ(divided(2, 5, false, 9), std::pair(5, 1));
  EXPECT_EQ(divided(2, 5, false, 0), std::pair(1, 2));
}

}  // namespace
}  // namespace scalselect::launchers
