#include "experiments/launchers/copies.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "experiments/launchers/child.h"

namespace scalselect::launchers {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kToEnd{5};  ///< that the others have once process 0 has ended, and again once asked to

sigset_t passed_on() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    if (now.sa_handler != SIG_IGN) sigaddset(&set, signal);  // as under nohup
  }
  return set;
}

class Copy {
 public:
  Copy(const std::vector<std::string>& words, int rank, int processes, const sigset_t& blocked) : rank_(rank) {
    int channel[2] = {-1, -1};
    if (rank > 0 && ::pipe2(channel, O_CLOEXEC) != 0) throw cannot("open a pipe");
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) become(words, processes, channel[1], parent, blocked);
    errors_ = Descriptor(channel[0]);
    if (channel[1] >= 0) ::close(channel[1]);
    if (pid_ < 0) throw cannot("start a process");
  }

  int errors() const { return errors_.get(); }
  bool lives() const { return !status_; }
  int exit_code() const { return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : 128 + WTERMSIG(*status_); }
  void signal(int number) const {
    if (lives()) ::kill(pid_, number);
  }

  /// Shows the lines that begin with "error:".
  void listen() {
    char block[4096];
    const ssize_t got = ::read(errors_.get(), block, sizeof(block));
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
      errors_ = Descriptor();
      return;
    }
    pending_.append(block, static_cast<std::size_t>(got));
    for (std::size_t end; (end = pending_.find('\n')) != std::string::npos; pending_.erase(0, end + 1)) {
      const std::string_view line = std::string_view(pending_).substr(0, end);
      if (line.starts_with("error:"))
        log_message(LogLevel::kError, fmt::format("process {}: {}", rank_, line.substr(7)));
    }
  }

  /// Whether it has just ended.
  bool look() {
    int status = 0;
    if (!lives() || ::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    status_ = status;
    return true;
  }

 private:
  [[noreturn]] void become(const std::vector<std::string>& words, int processes, int errors, pid_t parent,
                           const sigset_t& blocked) const {
    // A group of its own: what a terminal sends comes through the parent, once.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);
    ::sigprocmask(SIG_UNBLOCK, &blocked, nullptr);
    if (errors >= 0) ::dup2(errors, STDERR_FILENO);
    for (const auto& [name, value] :
         {std::pair("SCALSELECT_RANK", rank_), std::pair("SCALSELECT_LOCAL_RANK", rank_),
          std::pair("SCALSELECT_PROCESSES", processes), std::pair("SCALSELECT_LOCAL_PROCESSES", processes)}) {
      ::setenv(name, std::to_string(value).c_str(), 1);
    }
    std::vector<std::string> command = {"scalselect"};
    command.insert(command.end(), words.begin(), words.end());
    const auto arguments = pointers(command);
    ::execv("/proc/self/exe", arguments.data());
    ::_exit(127);
  }

  int rank_;
  pid_t pid_ = -1;
  Descriptor errors_;
  std::string pending_;
  std::optional<int> status_;
};

}  // namespace

int run_copies(const std::vector<std::string>& words, int processes) {
  const auto signals = passed_on();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const Descriptor arrivals(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!arrivals) throw cannot("wait for signals");
  std::vector<Copy> copies;
  copies.reserve(static_cast<std::size_t>(processes));
  for (int rank = 0; rank < processes; ++rank) copies.emplace_back(words, rank, processes, signals);
  bool interrupted = false;
  std::optional<Clock::time_point> first_ended;
  int asked = 0;  // how often the others were asked to end
  for (bool some = true; some;) {
    std::vector<pollfd> waits = {{arrivals.get(), POLLIN, 0}};
    for (const auto& copy : copies) waits.push_back({copy.errors(), POLLIN, 0});  // a closed one is -1: ignored
    ::poll(waits.data(), waits.size(), 100);
    signalfd_siginfo arrival{};
    while (::read(arrivals.get(), &arrival, sizeof(arrival)) == sizeof(arrival)) {
      interrupted = true;
      for (const auto& copy : copies) copy.signal(static_cast<int>(arrival.ssi_signo));
    }
    some = false;
    for (std::size_t i = 0; i < copies.size(); ++i) {
      auto& copy = copies[i];
      if (waits[i + 1].revents != 0) copy.listen();
      if (copy.look() && copy.exit_code() != 0 && !first_ended && !interrupted) {
        if (i > 0) log_warning("process {} ended with exit code {}", i, copy.exit_code());
        else if (copy.exit_code() > 128) log_message(LogLevel::kError, "process 0 was ended by a signal");
      }
      some = some || copy.lives();
    }
    if (copies.front().lives()) continue;
    const auto now = Clock::now();
    if (!first_ended) first_ended = now;
    if (asked < 2 && now - *first_ended > (asked + 1) * kToEnd) {
      for (const auto& copy : copies) copy.signal(asked == 0 ? SIGTERM : SIGKILL);
      ++asked;
    }
  }
  return copies.front().exit_code();
}

}  // namespace scalselect::launchers
