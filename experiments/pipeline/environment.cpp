#include "experiments/pipeline/environment.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <torch/version.h>
#include <unistd.h>

#include <Eigen/Core>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>

#include "core/device.h"
#include "core/parallel.h"
#include "core/subprocess.h"

namespace scalselect::pipeline {
namespace {

/// What git prints about the source tree; empty if it fails.
std::string git(std::vector<std::string> words) {
  words.insert(words.begin(), {"git", "-C", SCALSELECT_SOURCE_DIR});
  auto answer = run_program(words);
  if (answer.status != 0) return {};
  while (!answer.out.empty() && answer.out.back() == '\n') answer.out.pop_back();
  return answer.out;
}

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

rusage usage() {
  rusage result{};
  ::getrusage(RUSAGE_SELF, &result);
  return result;
}

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_clock() {
  const rusage used = usage();
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// A line of /proc/self/status that tells kilobytes, in bytes.
std::int64_t memory_field(const std::string& name) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(name, 0) == 0) return 1024 * std::atoll(line.c_str() + name.size());
  }
  return 0;
}

/// The highest mark before the kernel's was last reset.
std::atomic<std::int64_t> earlier_peak{0};

}  // namespace

nlohmann::ordered_json describe_environment(const std::vector<std::string>& command_line) {
  nlohmann::ordered_json facts;
  facts["version"] = SCALSELECT_VERSION;
  const std::string commit = git({"rev-parse", "HEAD"});
  facts["git_commit"] = commit.empty() ? "unknown" : commit;
  facts["git_dirty"] = !git({"status", "--porcelain", "--untracked-files=no"}).empty();
  facts["compiler"] = "g++ " __VERSION__;
  facts["libtorch"] = TORCH_VERSION;
  facts["eigen"] = fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION);
  facts["sqlite"] = sqlite3_libversion();
  facts["cpu"] = cpu_model();
  facts["threads"] = thread_count();
  facts["device"] = compute_device().text();
  facts["command"] = command_line;
  auto variables = nlohmann::ordered_json::object();
  for (const char* name : {"OMP_NUM_THREADS", "SCALSELECT_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}) {
    if (const char* value = std::getenv(name)) variables[name] = value;
  }
  facts["environment"] = variables;
  return facts;
}

Meter::Meter() : wall_(wall_clock()), cpu_(cpu_clock()), held_(memory_field("VmRSS:")) {
  earlier_peak = peak_rss();
  std::ofstream("/proc/self/clear_refs")
      << 5;  // the high-water mark starts again; where that fails it stays the old one
}
double Meter::wall_s() const { return wall_clock() - wall_; }
double Meter::cpu_s() const { return cpu_clock() - cpu_; }
std::int64_t Meter::added_bytes() const { return std::max<std::int64_t>(0, memory_field("VmHWM:") - held_); }
std::int64_t Meter::peak_rss() { return std::max(earlier_peak.load(), memory_field("VmHWM:")); }

}  // namespace scalselect::pipeline
