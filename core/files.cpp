#include "core/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>

#include "core/error.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kChunk = 1 << 20;

[[noreturn]] void cannot(const char* action, const fs::path& file, int code) {
  throw UserError(ErrorKind::kEnvironment,
                  fmt::format("Cannot {} '{}': {}.", action, file.string(), std::strerror(code)),
                  "Check permissions and free space, or choose another place.");
}

[[noreturn]] void cannot_read(const fs::path& file, const char* why) {
  throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}': {}.", file.string(), why),
                  "Check the path and its permissions.");
}

[[noreturn]] void too_large(const fs::path& file, std::uintmax_t limit) {
  throw UserError(ErrorKind::kInput,
                  fmt::format("'{}' holds more than the {} MiB that such a file may have.", file.string(), limit >> 20),
                  "Check that the path names the right file.");
}

/// Bytes from the current offset to the end; a pipe may never end, so `limit` is checked while reading.
std::string read_to_end(const Descriptor& handle, const fs::path& file, std::size_t expected, std::uintmax_t limit) {
  std::string bytes(expected + 1, '\0');
  std::size_t filled = 0;
  while (true) {
    const ssize_t got = ::read(handle.get(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(file, std::strerror(errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > limit) too_large(file, limit);
    if (filled == bytes.size()) bytes.resize(2 * filled + kChunk);
  }
  bytes.resize(filled);
  return bytes;
}

void sync(const Descriptor& handle, const fs::path& file) {
  if (::fsync(handle.get()) != 0 && errno != EINVAL && errno != EROFS) cannot("write", file, errno);
}

void sync_folder(const fs::path& file) {
  const auto folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const Descriptor handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle) sync(handle, file);  // a folder that may be written but not read cannot be opened
}

/// The file that writing to `file` replaces: a link is kept, and the file that it points to is replaced.
fs::path replaced_file(const fs::path& file) {
  std::error_code code;
  return fs::is_symlink(file, code) ? fs::weakly_canonical(file) : file;
}

/// The descriptor that a path like /dev/stdout, /dev/fd/63 or /proc/self/fd/1 names. Opening such a path again would
/// lose the offset of a file and fails for a socket.
std::optional<int> descriptor_of(const fs::path& file) {
  const std::string name = file.lexically_normal().string();
  if (name == "/dev/stdout") return STDOUT_FILENO;
  if (name == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!name.starts_with(folder)) continue;
    int number = 0;
    const char* end = name.data() + name.size();
    const auto [stop, code] = std::from_chars(name.data() + folder.size(), end, number);
    if (code == std::errc{} && stop == end && number >= 0) return number;
  }
  return std::nullopt;
}

/// Where the bytes go if `file` is not a regular file that can be replaced.
Descriptor open_special(const fs::path& file) {
  if (const auto number = descriptor_of(file)) {
    if (*number == STDOUT_FILENO) std::fflush(stdout);
    return Descriptor(::fcntl(*number, F_DUPFD_CLOEXEC, 0));
  }
  return Descriptor(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
}

bool is_special(const fs::path& file) {
  std::error_code code;
  const auto status = fs::status(file, code);
  return descriptor_of(file) || (fs::exists(status) && !fs::is_regular_file(status));
}

constexpr std::string_view kTemporary = ".scalselect.tmp";

/// Removes the temporary files of writers that were killed from a folder, once per process: those that nobody has
/// locked. Where locks do not reach (another machine, a file system without them) their age decides, too.
void remove_abandoned(const fs::path& folder) {
  constexpr auto kOld = std::chrono::hours(24);
  constexpr int kMostNames = 10'000;  // a folder of pictures is not read through
  static std::mutex mutex;
  static std::set<fs::path> seen;
  {
    const std::lock_guard lock(mutex);
    if (!seen.insert(folder).second) return;
  }
  std::error_code code;
  fs::directory_iterator entry(folder.empty() ? "." : folder, code);
  for (int names = 0; !code && entry != fs::directory_iterator() && names < kMostNames;
       ++names, entry.increment(code)) {
    const auto& file = entry->path();
    if (!file.filename().string().starts_with(kTemporary)) continue;
    std::error_code gone;
    const auto written = fs::last_write_time(file, gone);
    if (gone || fs::file_time_type::clock::now() - written < kOld) continue;
    const Descriptor handle(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (handle && ::flock(handle.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(file.c_str());
  }
}

/// A new empty file beside `target`, locked while it is written. Its name is short whatever the target's is, which may
/// fill the 255 bytes allowed.
Descriptor create_beside(const fs::path& target, fs::path& name) {
  static std::atomic<unsigned> counter{0};
  auto extension = target.extension().string();
  if (extension.size() > 16) extension.clear();
  while (true) {
    name = target.parent_path() / fmt::format("{}{}.{}{}", kTemporary, ::getpid(), counter++, extension);
    const int handle = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (handle >= 0) ::flock(handle, LOCK_EX | LOCK_NB);  // without locks nobody removes it (remove_abandoned)
    if (handle >= 0 || errno != EEXIST) return Descriptor(handle);
  }
}

void copy_all(const Descriptor& from, const Descriptor& to, const fs::path& file) {
  std::string chunk(kChunk, '\0');
  ::lseek(from.get(), 0, SEEK_SET);
  while (true) {
    const ssize_t got = ::read(from.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot("write", file, errno);
    if (got == 0) return;
    write_all(to, std::string_view(chunk).substr(0, static_cast<std::size_t>(got)), file);
  }
}

}  // namespace

Descriptor::~Descriptor() {
  if (handle_ >= 0) ::close(handle_);
}

std::string read_file(const fs::path& file, std::uintmax_t limit) {
  struct stat info {};
  // Opening a device may wait or act, so the type is checked first.
  if (::stat(file.c_str(), &info) != 0) cannot_read(file, std::strerror(errno));
  if (S_ISDIR(info.st_mode)) cannot_read(file, "it is a folder");
  if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode)) cannot_read(file, "it is neither a file nor a pipe");
  const auto size = S_ISREG(info.st_mode) ? static_cast<std::uintmax_t>(info.st_size) : 0;
  if (size > limit) too_large(file, limit);
  const Descriptor handle(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!handle) cannot_read(file, std::strerror(errno));
  return read_to_end(handle, file, static_cast<std::size_t>(size), limit);
}

Descriptor unnamed_file() {
  const char* folder = std::getenv("TMPDIR");
  std::string name = std::string(folder == nullptr || *folder == '\0' ? "/tmp" : folder) + "/scalselect-XXXXXX";
  Descriptor handle(::mkostemp(name.data(), O_CLOEXEC));
  if (!handle) {
    throw UserError(ErrorKind::kEnvironment,
                    fmt::format("Cannot write a temporary file '{}': {}.", name, std::strerror(errno)),
                    "Point TMPDIR to a folder with free space.");
  }
  ::unlink(name.c_str());
  return handle;
}

void ensure_folder(const std::filesystem::path& folder) {
  if (folder.empty()) return;
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code && !std::filesystem::is_directory(folder)) cannot("create the folder", folder, code.value());
}

void require_writable(const std::filesystem::path& file) {
  namespace fs = std::filesystem;
  std::error_code code;
  const auto status = fs::status(file, code);
  if (fs::is_directory(status)) cannot("write", file, EISDIR);
  if (fs::exists(status) && !fs::is_regular_file(status)) {  // a pipe or a device is written into
    if (::access(file.c_str(), W_OK) != 0) cannot("write", file, errno);
    return;
  }
  auto folder = replaced_file(file).parent_path();
  while (!folder.empty() && !fs::exists(folder, code)) folder = folder.parent_path();
  if (folder.empty()) folder = ".";
  if (!fs::is_directory(folder, code)) cannot("write", file, ENOTDIR);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) cannot("write", file, errno);
}

void write_all(const Descriptor& handle, std::string_view bytes, const fs::path& file) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(handle.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot("write", file, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

FileWriter::FileWriter(const fs::path& file) : file_(file), target_(file) {
  std::error_code code;
  if (fs::is_directory(file, code)) cannot("write", file, EISDIR);
  if (is_special(file)) {
    handle_ = unnamed_file();
    return;
  }
  target_ = replaced_file(file);
  ensure_folder(target_.parent_path());
  handle_ = create_beside(target_, temporary_);
  if (!handle_) {
    temporary_.clear();
    cannot("write", file, errno);
  }
}

FileWriter::~FileWriter() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void FileWriter::write(std::string_view bytes) {
  write_all(handle_, bytes, file_);
  size_ += bytes.size();
}

void FileWriter::rewrite(std::uint64_t offset, std::string_view bytes) {
  if (::lseek(handle_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) cannot("write", file_, errno);
  write_all(handle_, bytes, file_);
  if (::lseek(handle_.get(), static_cast<off_t>(size_), SEEK_SET) < 0) cannot("write", file_, errno);
}

void FileWriter::commit(Durability durability) {
  if (temporary_.empty()) {
    const auto out = open_special(file_);
    if (!out) cannot("write", file_, errno);
    copy_all(handle_, out, file_);
    return;
  }
  if (durability == Durability::kSynced) sync(handle_, file_);
  if (::rename(temporary_.c_str(), target_.c_str()) == 0) {
    temporary_.clear();
    if (durability == Durability::kSynced) {
      sync_folder(target_);
      remove_abandoned(target_.parent_path());
    }
    return;
  }
  if (errno != EXDEV && errno != EBUSY) cannot("write", file_, errno);
  // A file that is itself a mount (in a container) can only be overwritten.
  const Descriptor out(::open(target_.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (!out) cannot("write", file_, errno);
  copy_all(handle_, out, file_);
  sync(out, file_);
}

void write_file_atomically(const fs::path& file, std::string_view bytes, Durability durability) {
  FileWriter writer(file);
  writer.write(bytes);
  writer.commit(durability);
}

void write_file_with(const fs::path& file, const std::function<void(const fs::path& temporary)>& make) {
  FileWriter writer(file);
  if (writer.temporary_.empty()) cannot("write", file, ENOTSUP);  // the tool needs a name
  make(writer.temporary_);
  // The tool may have put a new file under the name.
  writer.handle_ = Descriptor(::open(writer.temporary_.c_str(), O_RDWR | O_CLOEXEC));
  struct stat info {};
  if (!writer.handle_ || ::fstat(writer.handle_.get(), &info) != 0) cannot("write", file, errno);
  if (info.st_size == 0) cannot("write", file, ENOSPC);
  writer.commit();
}

AppendFile::AppendFile(const fs::path& file, std::uintmax_t keep) : file_(file) {
  ensure_folder(file.parent_path());
  handle_ = Descriptor(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!handle_ || ::ftruncate(handle_.get(), static_cast<off_t>(keep)) != 0) cannot("write", file, errno);
}

void AppendFile::append(std::string_view bytes) { write_all(handle_, bytes, file_); }

void AppendFile::flush() { sync(handle_, file_); }

}  // namespace scalselect
