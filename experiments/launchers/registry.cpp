#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "experiments/launchers/launcher.h"

namespace scalselect::launchers {

// One line per launcher here and in kLaunchers; each is defined in a file of this folder.
std::unique_ptr<Launcher> make_local(const Workers& workers);

namespace {

struct Entry {
  const char* name;
  std::unique_ptr<Launcher> (*make)(const Workers& workers);
};

constexpr Entry kLaunchers[] = {{"local", make_local}};

}  // namespace

std::vector<std::string> launcher_names() {
  std::vector<std::string> names;
  for (const auto& entry : kLaunchers) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<Launcher> make_launcher(const LauncherOptions& options, const Workers& workers) {
  for (const auto& entry : kLaunchers) {
    if (options.name == entry.name) return entry.make(workers);
  }
  throw UserError(ErrorKind::kUsage,
                  "There is no launcher '" + options.name + "'." + did_you_mean(options.name, launcher_names()),
                  fmt::format("launcher.name is one of: {}.", fmt::join(launcher_names(), ", ")));
}

Workers divide_machine(int threads, int parallel, bool gpu, std::size_t jobs) {
  const int most = static_cast<int>(std::clamp<std::size_t>(jobs, 1, 1 << 20));
  Workers workers;
  workers.parallel = std::clamp(parallel > 0 ? parallel : gpu ? 1 : threads, 1, most);
  workers.threads = std::max(1, threads / workers.parallel);
  return workers;
}

}  // namespace scalselect::launchers
