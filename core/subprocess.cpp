#include "core/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/check.h"
#include "core/files.h"

extern char** environ;

namespace scalselect {
namespace {

/// A pipe of which the child gets only the end that is duplicated for it.
struct Pipe {
  Descriptor read, write;
  Pipe() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
};

struct FileActions {
  posix_spawn_file_actions_t actions;
  FileActions() { posix_spawn_file_actions_init(&actions); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
};

/// Reads both pipes until both are closed: in turn, so that a program that fills one does not wait for ever.
void drain(Pipe& out, Pipe& err, ProgramOutput& result) {
  std::array<pollfd, 2> waiting{pollfd{out.read.get(), POLLIN, 0}, pollfd{err.read.get(), POLLIN, 0}};
  const std::array<std::string*, 2> texts{&result.out, &result.err};
  std::array<char, 65536> block{};
  while (waiting[0].fd >= 0 || waiting[1].fd >= 0) {
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0) continue;
      const ssize_t got = ::read(waiting[i].fd, block.data(), block.size());
      if (got > 0) texts[i]->append(block.data(), static_cast<std::size_t>(got));
      else if (got == 0 || errno != EINTR) waiting[i].fd = -1;  // poll ignores it
    }
  }
}

}  // namespace

ProgramOutput run_program(const std::vector<std::string>& words, const std::filesystem::path& folder) {
  SCALSELECT_CHECK(!words.empty());
  ProgramOutput result{-1, {}, {}};
  Pipe out, err;
  if (!out.read || !err.read) {
    result.err = std::strerror(errno);
    return result;
  }
  FileActions child;
  posix_spawn_file_actions_addopen(&child.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&child.actions, out.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&child.actions, err.write.get(), STDERR_FILENO);
  if (!folder.empty()) posix_spawn_file_actions_addchdir_np(&child.actions, folder.c_str());
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int code = ::posix_spawnp(&pid, arguments[0], &child.actions, nullptr, arguments.data(), environ);
  if (code != 0) {
    result.err = std::strerror(code);
    return result;
  }
  out.write = Descriptor();
  err.write = Descriptor();
  drain(out, err, result);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace scalselect
