#include "core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace scalselect {

Descriptor lock_file(const std::filesystem::path& file, LockKind kind, IfHeld held) {
  const int operation = (kind == LockKind::kShared ? LOCK_SH : LOCK_EX) | (held == IfHeld::kGiveUp ? LOCK_NB : 0);
  while (true) {
    Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    int failed = 0;
    while (lock && (failed = ::flock(lock.get(), operation)) != 0 && errno == EINTR) {
    }
    if (lock && failed != 0 && errno == EWOULDBLOCK) return {};
    if (!lock || failed != 0) {
      throw UserError(ErrorKind::kEnvironment, "Cannot lock '" + file.string() + "': " + std::strerror(errno) + ".",
                      "Check the permissions of its folder, and that its file system has locks.");
    }
    struct stat own {
    }, named{};
    const bool same = ::fstat(lock.get(), &own) == 0 && ::stat(file.c_str(), &named) == 0 &&
                      own.st_ino == named.st_ino && own.st_dev == named.st_dev;
    if (same) return lock;
  }
}

}  // namespace scalselect
