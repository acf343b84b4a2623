#include "experiments/report/origin.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "experiments/report/text.h"

namespace scalselect::report {
namespace {

std::string fact(const ReportRun& run, const std::string& key) {
  const auto found = run.row.provenance.find(key);
  if (found == run.row.provenance.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string machine_of(const ReportRun& run) {
  const std::string cpu = fact(run, "cpu"), threads = fact(run, "threads");
  std::string text = (cpu.empty() ? "unknown processor" : cpu) + ", " + (threads.empty() ? "unknown" : threads) +
                     (threads == "1" ? " thread" : " threads");
  for (const auto& [key, prefix] : {std::pair("device", "device "), {"blas", "BLAS "}, {"libtorch", "LibTorch "}}) {
    if (const auto value = fact(run, key); !value.empty()) text += ", " + (prefix + value);
  }
  const auto variables = run.row.provenance.find("environment");
  if (variables == run.row.provenance.end() || !variables->is_object()) return text;
  for (const auto& [name, value] : variables->items())
    text += ", " + name + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

std::string version_of(const ReportRun& run) {
  const std::string version = fact(run, "version"), commit = fact(run, "git_commit");
  return (version.empty() ? "unknown" : version) + (commit.empty() ? "" : " (" + commit.substr(0, 12) + ")") +
         (fact(run, "git_dirty") == "true" ? ", changed" : "");
}

void add_once(std::vector<std::string>& list, std::string text) {
  if (!text.empty() && std::find(list.begin(), list.end(), text) == list.end()) list.push_back(std::move(text));
}

std::string letter(std::size_t index) {
  return index < 26 ? std::string(1, static_cast<char>('A' + index)) : fmt::format("M{}", index + 1);
}

}  // namespace

std::string utc_text(std::int64_t ms) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(ms / 1000)));
}

std::vector<std::string> commands_of(const Collection& collection) {
  std::vector<std::string> commands;
  for (const auto& run : collection.runs) {
    const auto found = run.row.provenance.find("command");
    if (found == run.row.provenance.end() || !found->is_array()) continue;
    std::vector<std::string> words;
    for (const auto& word : *found) words.push_back(word.is_string() ? word.get<std::string>() : word.dump());
    add_once(commands, shell_text(words));
  }
  return commands;
}

std::vector<std::string> machines_of(const Collection& collection) {
  std::vector<std::string> machines;
  for (const auto& run : collection.runs) add_once(machines, machine_of(run));
  return machines;
}

std::string machine_letter(const Collection& collection, const ReportRun& run) {
  const auto machines = machines_of(collection);
  return letter(
      static_cast<std::size_t>(std::find(machines.begin(), machines.end(), machine_of(run)) - machines.begin()));
}

Grid machines_grid(const Collection& collection) {
  Grid grid{{"machine", "what the numbers depend on"}, {}, {}};
  const auto machines = machines_of(collection);
  for (std::size_t i = 0; i < machines.size(); ++i) grid.rows.push_back(plain_row({letter(i), machines[i]}));
  return grid;
}

Grid runs_grid(const Collection& collection) {
  Grid grid{{"run", "method and budget", "regime", "seed", "started (UTC)", "ended (UTC)", "version", "machine", "set"},
            {},
            {}};
  for (const auto& run : collection.runs) {
    grid.rows.push_back(
        plain_row({run.row.id, run.label(), run.regime, std::to_string(run.seed), utc_text(run.row.started_ms),
                   run.row.ended_ms > 0 ? utc_text(run.row.ended_ms) : "–", version_of(run),
                   machine_letter(collection, run), shell_text(run.row.overrides)}));
  }
  return grid;
}

}  // namespace scalselect::report
