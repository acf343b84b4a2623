// How a worker reports to the process that started it.
//
// The worker reads its order from a file and writes lines to its standard output, each a JSON object:
//   {"done": 0.25, "note": "step 3/12, loss 1.2"}   how far the whole job is, 0 to 1
//   {"warning": "training leaves out 2 of 6 rows …"} anything that the user must know
//   {"error": "There is no model folder 'x'. …"}     why the job failed; the worker ends then
//   {"result": {…}}                                  the answer; without it the job has failed
// Other lines (a library's own printing) are skipped. Text that is not UTF-8 is made so before it is sent.
#pragma once

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/launchers/launcher.h"

namespace scalselect::launchers {

/// The worker's side. Safe to use from several threads, but for `progress`.
class Reporter {
 public:
  explicit Reporter(std::FILE* out) : out_(out) {}
  /// Sent a few times per second at most.
  void progress(double done, const std::string& note);
  void warning(const std::string& text) { send({{"warning", text}}); }
  void error(const std::string& sentence) { send({{"error", sentence}}); }
  void result(const nlohmann::json& answer) { send({{"result", answer}}); }

 private:
  void send(const nlohmann::json& line);
  std::FILE* out_;
  std::chrono::steady_clock::time_point last_{};
};

/// The other side: what one worker has reported so far.
class Transcript {
 public:
  /// Takes output in pieces of any size; returns the warnings that it completes.
  std::vector<std::string> read(std::string_view bytes);

  double done() const { return done_; }  ///< 0 to 1
  const std::string& note() const { return note_; }

  /// The job's result once the worker has ended with `wait_status` (as waitpid gives it). `log`: the worker's stderr,
  /// whose bytes from `log_begin` on are this worker's; what it ends with is quoted where the worker gave no reason.
  JobResult conclude(int wait_status, const std::filesystem::path& log, std::uintmax_t log_begin = 0) const;

 private:
  void take(const std::string& line);
  std::string pending_, note_, error_;
  double done_ = 0;
  bool answered_ = false;
  nlohmann::json answer_;
  std::vector<std::string> warnings_;
};

}  // namespace scalselect::launchers
