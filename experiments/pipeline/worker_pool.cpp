#include "experiments/pipeline/worker_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "core/device.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"

namespace scalselect::pipeline {
namespace {

struct Child {
  pid_t pid = -1;
  int output = -1;
  std::size_t job = 0;
  std::string pending;  // an unfinished line
  double share = 0;     // of its work done, 0..1
};

std::vector<std::string> child_environment(int threads) {
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

/// Names this very program, also if the file was replaced meanwhile.
constexpr char kOwnProgram[] = "/proc/self/exe";

Child launch(const WorkerJob& job, std::size_t index, int threads) {
  const auto order_file = job.log.parent_path() / (job.log.stem().string() + ".order.json");
  write_file_atomically(order_file, job.order.dump(1) + "\n");
  int channel[2];
  if (::pipe2(channel, O_CLOEXEC) != 0) {
    throw UserError(ErrorKind::kEnvironment, std::string("Cannot open a pipe: ") + std::strerror(errno) + ".");
  }
  // Everything that allocates happens before the fork: other threads may hold the allocator's lock.
  const std::string program = kOwnProgram, log = job.log.string(), order = order_file.string();
  const auto variables = child_environment(threads);
  std::vector<char*> environment;
  for (const auto& variable : variables) environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);
  const char* arguments[] = {program.c_str(), "_work", order.c_str(), nullptr};
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0)
    throw UserError(ErrorKind::kEnvironment, std::string("Cannot start a process: ") + std::strerror(errno) + ".");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    const int error_file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(channel[1], STDOUT_FILENO);
    if (error_file >= 0) ::dup2(error_file, STDERR_FILENO);
    ::execve(program.c_str(), const_cast<char* const*>(arguments), environment.data());
    ::_exit(127);
  }
  ::close(channel[1]);
  return {pid, channel[0], index, {}, 0};
}

/// Takes one line of a child's report.
void take_line(const std::string& line, Child& child, WorkerResult& result, std::string& note) {
  const auto report = nlohmann::json::parse(line, nullptr, false);
  if (!report.is_object()) return;
  if (report.contains("result")) {
    result.ok = true;
    result.answer = report["result"];
  } else if (report.contains("error")) {
    result.error = report["error"].get<std::string>();
  } else if (report.value("total", 0.0) > 0) {
    child.share = std::min(1.0, report.value("done", 0.0) / report.value("total", 1.0));
    note = report.value("note", std::string());
  }
}

}  // namespace

std::vector<WorkerResult> run_workers(const std::vector<WorkerJob>& jobs, int parallel, int threads,
                                      const std::function<void(std::size_t, const WorkerResult&)>& finished) {
  std::vector<WorkerResult> results(jobs.size());
  std::vector<std::size_t> order(jobs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return jobs[a].weight > jobs[b].weight; });
  double total_weight = 0, finished_weight = 0;
  for (const auto& job : jobs) total_weight += job.weight;

  constexpr std::int64_t kTicks = 1000;
  std::int64_t shown = 0;
  Progress progress("training and answering", "", kTicks);
  std::vector<Child> children;
  std::size_t next = 0;
  std::size_t done = 0;
  std::string note;
  while (next < order.size() || !children.empty()) {
    while (next < order.size() && children.size() < static_cast<std::size_t>(std::max(1, parallel))) {
      children.push_back(launch(jobs[order[next]], order[next], threads));
      ++next;
    }
    std::vector<pollfd> waits;
    for (const auto& child : children) waits.push_back({child.output, POLLIN, 0});
    ::poll(waits.data(), waits.size(), 1000);
    for (std::size_t i = children.size(); i-- > 0;) {
      if ((waits[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      Child& child = children[i];
      WorkerResult& result = results[child.job];
      char block[4096];
      const ssize_t got = ::read(child.output, block, sizeof(block));
      if (got > 0) {
        child.pending.append(block, static_cast<std::size_t>(got));
        for (std::size_t end; (end = child.pending.find('\n')) != std::string::npos;) {
          take_line(child.pending.substr(0, end), child, result, note);
          child.pending.erase(0, end + 1);
        }
        continue;
      }
      if (got < 0 && errno == EINTR) continue;
      ::close(child.output);
      int status = 0;
      ::waitpid(child.pid, &status, 0);
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        result.ok = false;
        if (result.error.empty()) {
          result.error = WIFSIGNALED(status) ? fmt::format("the process was ended by signal {} ({})", WTERMSIG(status),
                                                           ::strsignal(WTERMSIG(status)))
                                             : fmt::format("the process ended with status {}", WEXITSTATUS(status));
          result.error += "; see '" + jobs[child.job].log.string() + "'";
        }
      }
      finished_weight += jobs[child.job].weight;
      ++done;
      const std::size_t job = child.job;
      children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
      finished(job, results[job]);
    }
    double weight = finished_weight;
    for (const auto& child : children) weight += child.share * jobs[child.job].weight;
    const auto ticks = static_cast<std::int64_t>(kTicks * weight / std::max(total_weight, 1e-9));
    progress.note(fmt::format("{} of {} jobs done{}", done, jobs.size(), note.empty() ? "" : ", " + note));
    if (ticks > shown) progress.advance(ticks - shown);
    shown = std::max(shown, ticks);
  }
  return results;
}

}  // namespace scalselect::pipeline
