#include "experiments/launchers/protocol.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>

namespace scalselect::launchers {
namespace {

constexpr std::chrono::milliseconds kProgressEvery{300};
constexpr std::size_t kLongestLine = std::size_t{16} << 20;

std::string dumped(const nlohmann::json& line) {
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The last line of the log that is not blank, shortened; empty if there is none.
std::string last_line(const std::filesystem::path& log, std::uintmax_t begin) {
  constexpr std::size_t kShown = 300;
  std::ifstream in(log, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(begin));
  std::string last;
  for (std::string line; std::getline(in, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  }
  if (last.size() > kShown) last = last.substr(0, kShown) + "...";
  return nlohmann::json::parse(dumped(last)).get<std::string>();
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    return "The worker was killed (signal 9), most often because memory ran out: use fewer jobs at once (parallel=) or "
           "a smaller trainer.batch_size";
  }
  if (WIFSIGNALED(status))
    return fmt::format("The worker was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0) return fmt::format("The worker ended with status {}", WEXITSTATUS(status));
  return "The worker ended without a result";
}

}  // namespace

void Reporter::send(const nlohmann::json& line) {
  const std::string text = dumped(line) + "\n";
  std::fwrite(text.data(), 1, text.size(), out_);  // one call: lines of several threads do not mix
  std::fflush(out_);
}

void Reporter::progress(double done, const std::string& note) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < kProgressEvery) return;
  last_ = now;
  send({{"done", done}, {"note", note}});
}

std::vector<std::string> Transcript::read(std::string_view bytes) {
  const auto known = warnings_.size();
  pending_.append(bytes);
  std::size_t begin = 0;
  for (std::size_t end; (end = pending_.find('\n', begin)) != std::string::npos; begin = end + 1)
    take(pending_.substr(begin, end - begin));
  pending_.erase(0, begin);
  if (pending_.size() > kLongestLine) pending_.clear();  // not a line of the protocol
  return {warnings_.begin() + static_cast<std::ptrdiff_t>(known), warnings_.end()};
}

void Transcript::take(const std::string& line) {
  const auto said = nlohmann::json::parse(line, nullptr, false);
  if (!said.is_object()) return;
  const auto text = [&](const char* key) {
    const auto found = said.find(key);
    return found != said.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (said.contains("result")) {
    answered_ = true;
    answer_ = said["result"];
  } else if (auto sentence = text("error"); !sentence.empty()) {
    error_ = std::move(sentence);
  } else if (auto warning = text("warning"); !warning.empty()) {
    warnings_.push_back(std::move(warning));
  } else if (said.contains("done") && said["done"].is_number()) {
    done_ = std::clamp(said["done"].get<double>(), 0.0, 1.0);
    note_ = text("note");
  }
}

JobResult Transcript::conclude(int wait_status, const std::filesystem::path& log, std::uintmax_t log_begin) const {
  JobResult result{error_, answer_, warnings_};
  const bool well = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0 && answered_;
  if (!result.ok() || well) return result;
  const auto last = last_line(log, log_begin);
  result.error = fmt::format("{}{} (log: '{}').", how_it_ended(wait_status),
                             last.empty() ? "" : "; the last line of its log: " + last, log.string());
  return result;
}

}  // namespace scalselect::launchers
