#include "experiments/pipeline/environment.h"

#include <ATen/Version.h>
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
#include "experiments/build_info.h"
#include "selector/linalg.h"

namespace scalselect::pipeline {
namespace {

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

/// The instructions by which LibTorch and BLAS choose their kernels; the last digits of a result depend on them.
std::vector<std::string> cpu_flags() {
  std::vector<std::string> flags;
  const auto add = [&](const char* name, int has) {
    if (has != 0) flags.emplace_back(name);
  };
  add("avx", __builtin_cpu_supports("avx"));
  add("avx2", __builtin_cpu_supports("avx2"));
  add("fma", __builtin_cpu_supports("fma"));
  add("avx512f", __builtin_cpu_supports("avx512f"));
  add("avx512bw", __builtin_cpu_supports("avx512bw"));
  add("avx512dq", __builtin_cpu_supports("avx512dq"));
  add("avx512vl", __builtin_cpu_supports("avx512vl"));
  add("avx512vnni", __builtin_cpu_supports("avx512vnni"));
  add("avx512bf16", __builtin_cpu_supports("avx512bf16"));
  return flags;
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

/// A field of /proc/self/status in bytes (the file gives kilobytes).
std::int64_t memory_field(const std::string& name) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(name, 0) == 0) return 1024 * std::atoll(line.c_str() + name.size());
  }
  return 0;
}

/// The peak before the kernel's counter was last reset.
std::atomic<std::int64_t> earlier_peak{0};

}  // namespace

nlohmann::ordered_json describe_environment(const std::vector<std::string>& command_line) {
  nlohmann::ordered_json facts;
  facts["version"] = kBuildInfo.version;
  facts["git_commit"] = kBuildInfo.commit;
  facts["git_dirty"] = kBuildInfo.dirty;
  facts["compiler"] = kBuildInfo.compiler;
  facts["build_type"] = kBuildInfo.build_type;
  facts["libtorch"] = TORCH_VERSION;
  facts["eigen"] = fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION);
  facts["sqlite"] = sqlite3_libversion();
  facts["cpu"] = cpu_model();
  facts["cpu_flags"] = cpu_flags();
  facts["libtorch_kernels"] = at::get_cpu_capability();
  facts["blas"] = blas_description();
  facts["threads"] = thread_count();
  facts["device"] = compute_device().text();
  facts["command"] = command_line;
  auto variables = nlohmann::ordered_json::object();
  for (const char* name : {"OMP_NUM_THREADS", "SCALSELECT_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                           "OPENBLAS_CORETYPE", "ATEN_CPU_CAPABILITY", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA"}) {
    if (const char* value = std::getenv(name)) variables[name] = value;
  }
  facts["environment"] = variables;
  return facts;
}

Meter::Meter() : wall_(wall_clock()), cpu_(cpu_clock()), held_(memory_field("VmRSS:")) {
  earlier_peak = peak_rss();
  // Resets the kernel's counter; where that fails the old peak remains.
  std::ofstream("/proc/self/clear_refs") << 5;
}
double Meter::wall_s() const { return wall_clock() - wall_; }
double Meter::cpu_s() const { return cpu_clock() - cpu_; }
std::int64_t Meter::added_bytes() const { return std::max<std::int64_t>(0, memory_field("VmHWM:") - held_); }
std::int64_t Meter::peak_rss() { return std::max(earlier_peak.load(), memory_field("VmHWM:")); }

}  // namespace scalselect::pipeline
