#include "core/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/error.h"

namespace scalselect {
namespace {

[[noreturn]] void cannot(const char* action, const std::filesystem::path& file, int code) {
  throw UserError(ErrorKind::kEnvironment,
                  std::string("Cannot ") + action + " '" + file.string() + "': " + std::strerror(code) + ".",
                  "Check permissions and free space, or choose another place.");
}

void sync_path(const std::filesystem::path& path, int flags) {
  const int handle = ::open(path.c_str(), flags | O_CLOEXEC);
  if (handle < 0) cannot("open", path, errno);
  if (::fsync(handle) != 0 && errno != EINVAL) {
    const int code = errno;
    ::close(handle);
    cannot("flush", path, code);
  }
  ::close(handle);
}

}  // namespace

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) {
    throw UserError(ErrorKind::kInput, "Cannot read '" + file.string() + "'.", "Check the path and its permissions.");
  }
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) throw UserError(ErrorKind::kInput, "Reading '" + file.string() + "' failed.", "Check the disk.");
  return std::move(text).str();
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
  const auto target = fs::is_symlink(file, code) ? fs::weakly_canonical(file) : file;
  const auto status = fs::status(target, code);
  if (fs::is_directory(status)) cannot("write", file, EISDIR);
  if (fs::exists(status) && !fs::is_regular_file(status)) {  // a pipe or a device is written into
    if (::access(target.c_str(), W_OK) != 0) cannot("write", file, errno);
    return;
  }
  auto folder = target.parent_path();
  while (!folder.empty() && !fs::exists(folder, code)) folder = folder.parent_path();
  if (folder.empty()) folder = ".";
  if (!fs::is_directory(folder, code)) cannot("write", file, ENOTDIR);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) cannot("write", file, errno);
}

namespace {

void write_all(int handle, std::string_view bytes, const std::filesystem::path& file,
               const std::filesystem::path& temporary) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(handle, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int code = errno;
      ::close(handle);
      ::unlink(temporary.c_str());
      cannot("write", file, code);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// The bytes of `temporary`, which goes, into what `target` is; not atomic.
void copy_into(const std::filesystem::path& temporary, const std::filesystem::path& target) {
  const auto bytes = read_file(temporary);
  const int handle = ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (handle < 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    cannot("write", target, code);
  }
  write_all(handle, bytes, target, temporary);
  ::close(handle);
  ::unlink(temporary.c_str());
}

}  // namespace

void write_file_atomically(const std::filesystem::path& file, std::string_view bytes) {
  ensure_folder(file.parent_path());
  const std::filesystem::path temporary = file.string() + ".tmp" + std::to_string(::getpid());
  const int handle = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (handle < 0) cannot("write", file, errno);
  write_all(handle, bytes, file, temporary);
  ::close(handle);
  publish_file(temporary, file);
}

void publish_file(const std::filesystem::path& temporary, const std::filesystem::path& file) {
  sync_path(temporary, O_RDONLY);
  std::error_code code;
  // A link keeps pointing where it does; what it points to is replaced.
  const auto target = std::filesystem::is_symlink(file, code) ? std::filesystem::weakly_canonical(file) : file;
  const auto status = std::filesystem::status(target, code);
  const bool replaceable = !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
  if (!replaceable) return copy_into(temporary, target);  // a device or a pipe
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    if (errno != EXDEV) cannot("write", file, errno);
    return copy_into(temporary, target);
  }
  const auto folder = target.parent_path();
  sync_path(folder.empty() ? std::filesystem::path(".") : folder, O_RDONLY | O_DIRECTORY);
}

}  // namespace scalselect
