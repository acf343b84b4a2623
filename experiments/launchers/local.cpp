// Worker processes on this machine, side by side: two single-threaded trainings of a small model do more than one with
// two threads, and a crash costs one job only.

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <numeric>

#include "core/device.h"
#include "core/error.h"
#include "core/failure.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "experiments/launchers/child.h"
#include "experiments/launchers/protocol.h"

namespace scalselect::launchers {
namespace {

std::vector<std::string> worker_environment(int threads) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const bool ours = text.starts_with("OMP_NUM_THREADS=") || text.starts_with("SCALSELECT_THREADS=") ||
                      text.starts_with("SCALSELECT_DEVICE=");
    if (!ours) variables.push_back(text);
  }
  variables.push_back("OMP_NUM_THREADS=" + std::to_string(threads));
  variables.push_back("SCALSELECT_THREADS=" + std::to_string(threads));
  variables.push_back("SCALSELECT_DEVICE=" + compute_device().text());
  return variables;
}

/// A running worker; killed with its owner.
class Child {
 public:
  Child(const Job& job, std::size_t index, const Workers& workers) : job_(index), log_(job.log) {
    const auto order = job.log.parent_path() / (job.log.stem().string() + ".order.json");
    write_file_atomically(order, job.order.dump(1) + "\n");
    std::error_code none;
    log_begin_ = std::filesystem::exists(job.log, none) ? std::filesystem::file_size(job.log, none) : 0;
    int channel[2];
    if (::pipe2(channel, O_CLOEXEC) != 0) throw cannot("open a pipe");
    auto command = workers.command;
    command.push_back(order.string());
    // Everything that allocates happens before the fork: other threads may hold the allocator's lock.
    const auto variables = worker_environment(workers.threads);
    const auto arguments = pointers(command), environment = pointers(variables);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) become_worker(channel[1], parent, arguments.data(), environment.data());
    const bool started = pid_ > 0;
    if (!started) ::close(channel[0]);
    ::close(channel[1]);
    if (!started) throw cannot("start a process");
    output_ = channel[0];
  }
  ~Child() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Reads what there is. False at the end of the output.
  bool listen(const std::string& label) {
    char block[4096];
    const ssize_t got = ::read(output_, block, sizeof(block));
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    for (const auto& warning : transcript_.read({block, static_cast<std::size_t>(got)}))
      log_warning("{}: {}", label, warning);
    return true;
  }
  JobResult end() { return transcript_.conclude(wait(), log_, log_begin_); }

  int output() const { return output_; }
  std::size_t job() const { return job_; }
  const Transcript& transcript() const { return transcript_; }

 private:
  /// In the new process: only what is safe between fork and exec.
  [[noreturn]] void become_worker(int output, pid_t parent, char* const* arguments, char* const* environment) const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    // A terminal's signals go to all of its processes; the parent decides what they mean for a worker.
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    const int error_file = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(output, STDOUT_FILENO);
    if (error_file >= 0) ::dup2(error_file, STDERR_FILENO);
    ::execve(arguments[0], arguments, environment);
    ::_exit(127);
  }
  int wait() {
    ::close(output_);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

  std::size_t job_;
  std::filesystem::path log_;
  std::uintmax_t log_begin_ = 0;
  pid_t pid_ = -1;
  int output_ = -1;
  Transcript transcript_;
};

/// One line for all jobs, by the weight of what is done.
class Overview {
 public:
  explicit Overview(const std::vector<Job>& jobs) : jobs_(jobs), progress_("training and answering", "", kTicks) {
    for (const auto& job : jobs) total_ += job.weight;
  }
  void ended(std::size_t job) {
    ended_ += jobs_[job].weight;
    ++count_;
  }
  void show(const std::list<Child>& children) {
    double weight = ended_;
    std::string note;
    for (const auto& child : children) {
      weight += child.transcript().done() * jobs_[child.job()].weight;
      if (!child.transcript().note().empty()) note = ", " + child.transcript().note();
    }
    const auto ticks = static_cast<std::int64_t>(static_cast<double>(kTicks) * weight / std::max(total_, 1e-9));
    progress_.note(fmt::format("{} of {} jobs done{}", count_, jobs_.size(), note));
    if (ticks > shown_) progress_.advance(ticks - shown_);
    shown_ = std::max(shown_, ticks);
  }

 private:
  static constexpr std::int64_t kTicks = 1000;
  const std::vector<Job>& jobs_;
  double total_ = 0, ended_ = 0;
  std::size_t count_ = 0;
  std::int64_t shown_ = 0;
  Progress progress_;
};

class Local final : public Launcher {
 public:
  explicit Local(Workers workers) : workers_(std::move(workers)) {}

  void run(const std::vector<Job>& jobs, const Finished& finished) override {
    std::vector<std::size_t> order(jobs.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return jobs[a].weight > jobs[b].weight; });
    Overview overview(jobs);
    std::list<Child> children;
    const auto end = [&](std::size_t job, const JobResult& result) {
      overview.ended(job);
      finished(job, result);
    };
    for (auto next = order.begin(); next != order.end() || !children.empty();) {
      while (next != order.end() && children.size() < static_cast<std::size_t>(std::max(1, workers_.parallel))) {
        const auto job = *next++;
        try {
          children.emplace_back(jobs[job], job, workers_);
        } catch (const std::exception& error) {
          end(job, {failure_sentence(error), {}, {}});
        }
      }
      listen(children, jobs, end);
      overview.show(children);
    }
  }

 private:
  /// Waits for output, reads it, and removes the workers that have ended.
  template <class End>
  static void listen(std::list<Child>& children, const std::vector<Job>& jobs, const End& end) {
    std::vector<pollfd> waits;
    for (const auto& child : children) waits.push_back({child.output(), POLLIN, 0});
    ::poll(waits.data(), waits.size(), 1000);
    auto wait = waits.begin();
    for (auto child = children.begin(); child != children.end(); ++wait) {
      const auto here = child++;
      if ((wait->revents & (POLLIN | POLLHUP | POLLERR)) == 0 || here->listen(jobs[here->job()].label)) continue;
      const auto job = here->job();
      const auto result = here->end();
      children.erase(here);
      // Whoever interrupts us may have ended the workers first; the guard is about to end this process.
      while (InterruptGuard::interrupted()) ::pause();
      end(job, result);
    }
  }

  Workers workers_;
};

}  // namespace

std::unique_ptr<Launcher> make_local(const Workers& workers) { return std::make_unique<Local>(workers); }

}  // namespace scalselect::launchers
