#include "experiments/resources.h"

#include <fmt/format.h>

#include "core/error.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

fs::path find_resources() {
  const fs::path here = program_folder();
  for (const auto& prefix : {here / "..", here / ".." / "..", here}) {  // of bin/, of lib/scalselect/, a build folder
    const auto folder = (prefix / "share" / "scalselect").lexically_normal();
    if (fs::exists(folder / "conf")) return folder;
  }
  throw UserError(
      ErrorKind::kEnvironment,
      fmt::format("The program in '{}' cannot find its configuration, share/scalselect/conf.", here.string()),
      "Keep the folders bin, lib and share of the installation together, or install it again.");
}

}  // namespace

fs::path program_folder() {
  std::error_code unknown;
  return fs::read_symlink("/proc/self/exe", unknown).parent_path();
}

const fs::path& resource_folder() {
  static const fs::path folder = find_resources();
  return folder;
}

}  // namespace scalselect
