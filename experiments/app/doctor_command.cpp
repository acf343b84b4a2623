// doctor: the facts that a bug report needs.
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/memory.h"
#include "data/containers/parquet.h"
#include "experiments/app/commands.h"
#include "experiments/config/value.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/run_config.h"
#include "experiments/resources.h"
#include "selector/subspace_kernels.h"
#include "vlm/device.h"

namespace scalselect::app {
namespace {
namespace fs = std::filesystem;

void line(const std::string& name, const std::string& value) { fmt::print("{:18} {}\n", name, value); }

std::string gigabytes(double bytes) { return fmt::format("{:.1f} GB", bytes / 1e9); }

/// The file of a library by a function of it.
std::string library_of(const void* function) {
  Dl_info info{};
  return ::dladdr(function, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "unknown";
}

/// `key` of a file whose lines are "key: value", or what follows.
std::string field_of(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string text; std::getline(in, text);) {
    if (!text.starts_with(key)) continue;
    const auto begin = text.find_first_not_of(" \t", key.size());
    return begin == std::string::npos ? std::string() : text.substr(begin);
  }
  return {};
}

/// What `probe` says, or the sentence of why it fails.
template <class Probe>
std::string answer_of(Probe probe) {
  try {
    return probe();
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// The device with room on it, of the nearest folder above `path` that exists.
std::string place(const std::string& path) {
  std::error_code failed;
  fs::path there = fs::absolute(path, failed);
  const bool exists = fs::exists(there, failed);
  for (auto up = there; !up.empty() && up != up.root_path(); up = up.parent_path()) {
    if (const auto space = fs::space(up, failed); !failed)
      return fmt::format("{}{}, {} free", there.string(), exists ? "" : " (does not exist yet)",
                         gigabytes(static_cast<double>(space.available)));
  }
  return there.string();
}

void print_gpus() {
  const auto driver = field_of("/proc/driver/nvidia/version", "NVRM version:");
  line("NVIDIA driver", driver.empty() ? "none" : driver);
  line("GPUs of LibTorch", answer_of([] {
         vlm::open_device({true, 0});
         return fmt::format("{}", torch::cuda::device_count());
       }));
  line("GPU for scores", answer_of([] {
         make_cuda_kernels(0);
         return std::string("usable");
       }));
}

/// Where a run with this configuration reads and writes.
void print_places(const config::ComposeRequest& request) {
  for (const auto& folder : request.config_dirs) line("configuration", folder);
  line("resources", answer_of([] { return resource_folder().string(); }));
  const auto problem = answer_of([&] {
    auto lenient = request;
    lenient.multirun = true;
    const auto composed = config::compose(lenient);
    for (const char* key : {"model.path", "pool.path", "cache", "store", "report"}) {
      const auto* value = config::find_path(composed.config, key);
      if (value == nullptr || !value->is_string() || value->as_string() == "???") continue;
      const bool model = std::string(key) == "model.path";
      line(key, place(model ? inputs::find_path(value->as_string()).string() : value->as_string()));
    }
    return std::string();
  });
  if (!problem.empty()) line("problem", problem);
}

}  // namespace

int run_doctor(const Words& words) {
  const Flags flags = parse_flags(words);
  const auto request = request_for(flags, "config");
  if (const int code = answer_questions(flags, request, kDoctorUsage); code >= 0) return code;
  const auto facts = pipeline::describe_environment({});
  for (const auto& [name, value] : facts.items()) {
    if (name != "command") line(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  line("program", (program_folder() / "scalselect-model").string());
  line("LibTorch", library_of(reinterpret_cast<const void*>(&at::globalContext)));
  line("Arrow", answer_of([] {
         const auto version = parquet_library();
         return version.empty() ? std::string("none: Parquet pools cannot be read") : version;
       }));
  line("system", field_of("/etc/os-release", "PRETTY_NAME="));
  line("memory",
       fmt::format("{} left to this process, {} in all", gigabytes(static_cast<double>(free_memory().value_or(0))),
                   gigabytes(1024 * std::atof(field_of("/proc/meminfo", "MemTotal:").c_str()))));
  print_gpus();
  print_places(request);
  return 0;
}

}  // namespace scalselect::app
