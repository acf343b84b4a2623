// What a result depended on besides its inputs: versions, machine, threads, commit.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scalselect::pipeline {

/// Of the binary: version, git commit with a dirty flag, compiler and build type, libraries. Of the machine: CPU model,
/// its instructions, the kernels that LibTorch and BLAS chose, threads. Also the command line. Environment variables
/// are taken from a short allow-list only.
nlohmann::ordered_json describe_environment(const std::vector<std::string>& command_line);

/// Resources used since construction. Memory is measured by the meter that was made last.
class Meter {
 public:
  Meter();
  double wall_s() const;
  double cpu_s() const;              ///< of this process, all threads
  std::int64_t added_bytes() const;  ///< the most that this process held, beyond what it held at construction
  static std::int64_t peak_rss();    ///< bytes, of this process since it started

 private:
  double wall_ = 0, cpu_ = 0;
  std::int64_t held_ = 0;
};

}  // namespace scalselect::pipeline
