#include "experiments/app/plain_words.h"

#include <fmt/format.h>

#include "core/error.h"
#include "experiments/app/eval_command.h"
#include "experiments/app/launch_command.h"
#include "experiments/inputs/machine.h"

namespace scalselect::app {

const std::map<std::string, PlainCommand>& plain_commands() {
  static const std::map<std::string, PlainCommand> table = {
      {"runs", {kRunsUsage, {"experiment", "format", "match", "metric", "sort", "status", "store"}, {}}},
      {"show", {kShowUsage, {"store"}, {}}},
      {"compare", {kCompareUsage, {"store"}, {"--all"}}},
      {"answers", {kAnswersUsage, {"benchmark", "limit", "store", "wrong"}, {}}},
      {"eval diff",
       {kEvalDiffUsage, {"benchmark", "circular", "examples", "format", "kind", "matcher", "store"}, {"--all"}}},
      {"eval export",
       {kEvalExportUsage,
        {"benchmark", "circular", "format", "images", "kind", "language", "like", "out", "path", "questions", "store",
         "task"},
        {}}},
      {"eval import",
       {kEvalImportUsage,
        {"cache", "circular", "experiment", "format", "images", "kind", "language", "limit", "matcher", "missing",
         "name", "out", "path", "results", "store", "style"},
        {}}},
      {"eval rescore",
       {kEvalRescoreUsage, {"benchmark", "circular", "format", "kind", "matcher", "out", "store"}, {"--all"}}},
      {"report", {kReportUsage, {"against", "experiment", "out", "store"}, {}}},
      {"cache", {kCacheUsage, {"cache", "store"}, {"--unfinished", "--unused", "--yes"}, {"ls", "rm"}}},
      {"pool", {kPoolUsage, {"format", "image_root", "model", "pictures"}, {}, {"convert", "describe"}}},
      {"score part", {kScorePartsUsage, {"device", "features", "first", "fit", "out", "part", "threads"}, {}}},
      {"score merge",
       {kScorePartsUsage,
        {"center", "device", "directions", "energy", "fit", "l2_normalize", "out", "standardize", "threads"},
        {}}},
      {"score apply", {kScorePartsUsage, {"device", "features", "fit", "out", "threads"}, {}}},
      {"verify",
       {kVerifyUsage,
        {"cache", "exclude", "features", "image_root", "model", "must_keep", "pool", "scores", "subset"},
        {}}},
      {"replay",
       {kReplayUsage,
        {"cache", "device", "exclude", "features", "image_root", "model", "must_keep", "pool", "scores", "threads"},
        {}}},
      {"diff", {kDiffUsage, {"cache", "format", "image_root", "pool"}, {}}},
      {"overlap", {kOverlapUsage, {"cache", "format", "image_root", "pool"}, {}}},
      {"bench", {kBenchUsage, {"cache", "device", "dtype", "model", "threads"}, {}}},
      {"launch",
       {kLaunchUsage,
        {"account", "after", "array", "by", "cpus", "gpus", "memory", "name", "out", "partition", "processes", "sbatch",
         "setup", "submit", "time"},
        {}}},
      {"methods", {kMethodsUsage, {}, {"--markdown"}}},
  };
  return table;
}

std::string PlainWords::value(const std::string& key, const std::string& fallback) const {
  const auto found = values.find(key);
  return found == values.end() ? fallback : found->second;
}

nlohmann::json values_of(const PlainWords& asked, std::initializer_list<const char*> keys) {
  auto tree = nlohmann::json::object();
  for (const char* key : keys) {
    const auto text = asked.value(key);
    if (text.empty()) continue;
    const auto value = nlohmann::json::parse(text, nullptr, false);
    tree[key] = value.is_discarded() ? nlohmann::json(text) : value;
  }
  return tree;
}

void use_machine(const PlainWords& asked) {
  bind_options<inputs::Machine>(values_of(asked, {"threads", "device"})).use();
}

PlainWords parse_plain(const std::string& command, const Words& words, std::size_t most_names) {
  const auto& known = plain_commands().at(command);
  PlainWords parsed;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    const auto key = word.substr(0, equals);
    const bool file = key.find('/') != std::string::npos;  // no key has one, so "./x=y.sums" is a file
    const bool name = (equals == std::string::npos || file) && !word.empty() && word[0] != '-';
    if (known.flags.contains(word)) parsed.flags.insert(word);
    else if (equals != std::string::npos && known.keys.contains(key)) parsed.values[key] = word.substr(equals + 1);
    else if (name && parsed.names.size() < most_names) parsed.names.push_back(word);
    else refuse_plain(command, fmt::format("'{}' is not understood here.", word));
  }
  return parsed;
}

void refuse_plain(const std::string& command, const std::string& problem) {
  throw UserError(ErrorKind::kUsage, problem, std::string("Usage: ") + plain_commands().at(command).usage);
}

}  // namespace scalselect::app
