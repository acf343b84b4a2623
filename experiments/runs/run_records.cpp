#include "experiments/runs/run_records.h"

#include "core/failure.h"
#include "core/log.h"
#include "experiments/runs/warnings.h"

namespace scalselect::pipeline {

std::string attempt(const std::function<void()>& body, std::vector<std::string>& warnings) {
  Warnings collected;
  std::string failure;
  try {
    body();
  } catch (const std::exception& error) {
    failure = failure_sentence(error);
  } catch (...) {
    failure = "An error of an unknown kind (this is a fault of the program; please report it with the command)";
  }
  add_warnings(warnings, collected.take());
  return failure;
}

std::string RunRecords::start(const RunStart& run) {
  auto id = store_.start_run(run);
  const std::lock_guard<std::mutex> guard(lock_);
  open_.push_back(id);
  return id;
}

void RunRecords::end(const std::string& id, const std::string& status, const std::string& error,
                     const std::vector<std::string>& warnings) {
  try {
    store_.finish_run(id, status, error);
    store_.log_warnings(id, warnings);
  } catch (const std::exception& problem) {
    log_message(LogLevel::kError, "The end of run " + id + " (" + status +
                                      ") cannot be recorded: " + failure_sentence(problem) +
                                      " `scalselect runs` will show it as stale once this process is gone.");
  }
  const std::lock_guard<std::mutex> guard(lock_);
  std::erase(open_, id);
}

void RunRecords::interrupt(const std::string& reason) {
  std::vector<std::string> left;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    left = open_;
  }
  Store store(file_);  // a connection of its own: the other may be in a transaction
  for (const auto& id : left) {
    // A finished run that was being tried again stays finished.
    if (store.run(id).status == "running") store.finish_run(id, "interrupted", reason);
  }
}

}  // namespace scalselect::pipeline
