#include "core/memory.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

namespace scalselect {

std::optional<std::int64_t> free_memory() {
  std::ifstream in("/proc/meminfo");
  std::int64_t total = 0;
  bool known = false;
  for (std::string line; std::getline(in, line);) {
    for (const char* key : {"MemAvailable:", "SwapFree:"}) {
      if (!line.starts_with(key)) continue;
      total += std::atoll(line.c_str() + std::string(key).size()) * 1024;
      known = true;
    }
  }
  if (!known) return std::nullopt;
  std::int64_t most = 0, used = 0;
  std::ifstream limit("/sys/fs/cgroup/memory.max"), current("/sys/fs/cgroup/memory.current");
  if (limit >> most && current >> used) total = std::min(total, std::max<std::int64_t>(0, most - used));
  return total;
}

}  // namespace scalselect
