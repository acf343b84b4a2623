#include "core/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>

#include "core/check.h"
#include "core/error.h"

namespace scalselect {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

std::atomic<bool> came{false};
std::atomic<int> handler_pipe{-1};
std::array<struct sigaction, kSignals.size()> before;

/// Only what a signal handler may do.
void on_signal(int signal) {
  const int saved = errno;
  came = true;
  const char byte = static_cast<char>(signal);
  if (::write(handler_pipe, &byte, 1) != 1) ::_exit(kInterruptedExit);
  errno = saved;
}

void watch(int pipe, const std::function<void(int)>& last_words) {
  char signal = 0;
  while (::read(pipe, &signal, 1) < 0 && errno == EINTR) {
  }
  if (signal == 0) return;
  try {
    last_words(signal);
  } catch (const std::exception&) {  // no one is left to be informed
  }
  ::_exit(kInterruptedExit);
}

}  // namespace

InterruptGuard::InterruptGuard(std::function<void(int)> last_words) {
  SCALSELECT_CHECK(handler_pipe == -1);
  if (::pipe2(pipe_, O_CLOEXEC) != 0)
    throw UserError(ErrorKind::kEnvironment, std::string("Cannot open a pipe: ") + std::strerror(errno) + ".");
  handler_pipe = pipe_[1];
  watcher_ = std::thread([pipe = pipe_[0], last_words = std::move(last_words)] { watch(pipe, last_words); });
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);  // a second one ends the process
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before[i], nullptr);
  const char end = 0;
  while (::write(pipe_[1], &end, 1) < 0 && errno == EINTR) {
  }
  watcher_.join();
  handler_pipe = -1;
  ::close(pipe_[0]);
  ::close(pipe_[1]);
}

bool InterruptGuard::interrupted() noexcept { return came; }

const char* signal_name(int signal) noexcept {
  switch (signal) {
    case SIGINT: return "SIGINT";
    case SIGTERM: return "SIGTERM";
    case SIGHUP: return "SIGHUP";
    case SIGKILL: return "SIGKILL";
    default: return ::strsignal(signal);
  }
}

}  // namespace scalselect
