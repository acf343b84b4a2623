#include "data/containers/parquet.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <map>
#include <mutex>

#include "core/error.h"
#include "core/log.h"
#include "data/parquet/plugin.h"
#include "data/python_json.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

constexpr char kLibrary[] = "libscalselect_parquet.so";

/// Beside the program; an installed one has it in the folder of `scalselect-model`.
fs::path plugin_path() {
  if (const char* path = std::getenv("SCALSELECT_PARQUET_PLUGIN")) return path;
  std::error_code unknown;
  const auto folder = fs::read_symlink("/proc/self/exe", unknown).parent_path();
  const auto installed = folder.parent_path() / "lib" / "scalselect" / kLibrary;
  return !fs::exists(folder / kLibrary, unknown) && fs::exists(installed, unknown) ? installed : folder / kLibrary;
}

/// libparquet exports a simdjson of its own, newer than Debian's that the program links: DEEPBIND keeps it from binding
/// to that one. AddressSanitizer refuses the flag.
constexpr int kOpenFlags =
#ifdef __SANITIZE_ADDRESS__
    RTLD_NOW | RTLD_LOCAL;
#else
    RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
#endif

/// Opened once; never closed, as Arrow's threads may outlive their last use.
const ParquetPlugin& load(const fs::path& path, const std::string& file) {
  if (!fs::exists(path)) {
    throw UserError(
        ErrorKind::kEnvironment,
        fmt::format("'{}' is a Parquet file, and this build has no '{}', which these need.", file, path.string()),
        "Build again after scripts/setup.sh, which fetches Arrow, or convert the file to JSON lines.");
  }
  void* library = ::dlopen(path.c_str(), kOpenFlags);
  void* symbol = library == nullptr ? nullptr : ::dlsym(library, kParquetFactory);
  if (symbol == nullptr) {
    throw UserError(ErrorKind::kEnvironment,
                    fmt::format("'{}', which reads Parquet files, cannot be opened: {}.", path.string(), ::dlerror()),
                    "Install the program again, or build it again after scripts/setup.sh.");
  }
  return reinterpret_cast<ParquetFactory>(symbol)();
}

/// `file` is what a user has asked for: the message names it if there is no plugin.
const ParquetPlugin& plugin(const std::string& file) {
  static std::mutex mutex;
  static std::map<fs::path, const ParquetPlugin*> loaded;
  const std::lock_guard lock(mutex);
  const auto path = plugin_path();
  auto& known = loaded[path];
  if (known == nullptr) known = &load(path, file);
  return *known;
}

/// Takes the number before the next ':' off `text`; false if there is none.
template <typename Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data() + text.size() || *end != ':' || number < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

bool is_parquet(std::string_view head) { return head.starts_with("PAR1") || head.starts_with("PARE"); }

std::unique_ptr<Container> open_parquet(const fs::path& file) { return plugin(file.string()).open(file); }

std::string read_parquet_picture(const std::string& reference, std::int64_t limit) {
  constexpr std::string_view kPrefix = "parquet:";
  std::string_view rest = reference;
  std::int64_t row = 0, index = 0;
  int column = 0;
  if (rest.starts_with(kPrefix)) rest.remove_prefix(kPrefix.size());
  if (!reference.starts_with(kPrefix) || !take_number(rest, row) || !take_number(rest, column) ||
      !take_number(rest, index) || rest.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' does not name a picture in a Parquet file.", reference),
                    "Such a name reads parquet:ROW:COLUMN:INDEX:FILE.");
  }
  auto bytes = plugin(std::string(rest)).read_picture(row, column, index, fs::path(rest));
  if (static_cast<std::int64_t>(bytes.size()) > limit) {
    throw UserError(
        ErrorKind::kInput,
        fmt::format("Image '{}' has {} MB, more than the limit of {} MB.", reference, bytes.size() >> 20, limit >> 20),
        "Make it smaller.");
  }
  return bytes;
}

std::vector<std::string> write_parquet(const fs::path& out, const ParquetRowSource& each_row,
                                       const PictureReader& read_picture) {
  std::int64_t nulled = 0;
  const ParquetRowSource standard = [&](const std::function<void(const ParquetRow&)>& take) {
    nulled = 0;  // rows are read twice
    each_row([&](const ParquetRow& row) {
      const StandardJson json(row.json);
      nulled += json.nulled ? 1 : 0;
      take({json.text, row.pictures});
    });
  };
  auto mixed = plugin(out.string()).write(out, standard, read_picture);
  if (nulled > 0) log_warning("'{}': NaN and infinity are null in {} rows", out.string(), nulled);
  return mixed;
}

std::string parquet_library() {
  std::error_code unknown;
  return fs::exists(plugin_path(), unknown) ? plugin("").version() : "";
}

}  // namespace scalselect
