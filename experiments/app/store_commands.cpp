// runs, show, compare: questions to the result store.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/artifact_cache.h"
#include "core/progress_text.h"
#include "core/store.h"
#include "experiments/app/commands.h"

namespace scalselect::app {
namespace {

constexpr char kDefaultStore[] = "results/local/results.sqlite";

/// Words of these commands: `store=FILE`, `experiment=NAME`, and run ids.
struct StoreWords {
  std::string store = kDefaultStore, experiment;
  Words ids;
};

StoreWords parse(const Words& words, const std::string& usage) {
  StoreWords parsed;
  for (const auto& word : words) {
    if (word.rfind("store=", 0) == 0) parsed.store = word.substr(6);
    else if (word.rfind("experiment=", 0) == 0) parsed.experiment = word.substr(11);
    else if (!word.empty() && word[0] != '-' && word.find('=') == std::string::npos) parsed.ids.push_back(word);
    else throw UserError(ErrorKind::kUsage, fmt::format("'{}' is not understood here.", word), "Usage: " + usage);
  }
  return parsed;
}

std::string time_text(std::int64_t ms) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(ms / 1000)));
}

void flatten(const nlohmann::ordered_json& tree, const std::string& path, std::map<std::string, std::string>& out) {
  if (tree.is_object() && !tree.empty()) {
    for (const auto& [key, value] : tree.items()) flatten(value, path.empty() ? key : path + "." + key, out);
  } else {
    out[path] = tree.is_string() ? tree.get<std::string>() : tree.dump();
  }
}

}  // namespace

int list_runs(const Words& words) {
  const auto asked = parse(words, kRunsUsage);
  const Store store(asked.store, Store::Mode::kReadOnly);
  fmt::print("{:12}  {:8}  {:19}  {:>8}  {:16}  {}\n", "id", "status", "started (UTC)", "seconds", "experiment", "run");
  for (const auto& run : store.runs(asked.experiment)) {
    const std::string seconds =
        run.ended_ms > 0 ? fmt::format("{:.1f}", static_cast<double>(run.ended_ms - run.started_ms) / 1000) : "-";
    fmt::print("{:12}  {:8}  {:19}  {:>8}  {:16}  {}\n", run.id, run.status, time_text(run.started_ms), seconds,
               run.experiment, run.name);
    if (!run.error.empty()) fmt::print("              {}\n", run.error);
  }
  return 0;
}

int show_run(const Words& words) {
  const auto asked = parse(words, kShowUsage);
  if (asked.ids.size() != 1) {
    throw UserError(ErrorKind::kUsage, "`show` needs one run id; `scalselect runs` lists them.",
                    std::string("Usage: ") + kShowUsage);
  }
  const Store store(asked.store, Store::Mode::kReadOnly);
  const auto run = store.run(asked.ids[0]);
  fmt::print("{} ({}), attempt {}, {}\nexperiment {}\nstarted {} UTC\n", run.name, run.id, run.attempt, run.status,
             run.experiment, time_text(run.started_ms));
  if (!run.error.empty()) fmt::print("error: {}\n", run.error);
  fmt::print("\nconfiguration\n{}\n\nenvironment\n{}\n\nstages\n", run.config.dump(2), run.provenance.dump(2));
  fmt::print("  {:24} {:>8} {:>9} {:>9} {:>9}  {}\n", "stage", "", "wall s", "cpu s", "peak MiB", "artifact");
  for (const auto& stage : store.stages(run.id)) {
    fmt::print("  {:24} {:>8} {:9.2f} {:9.2f} {:9.1f}  {}\n", stage.stage, stage.cached ? "cached" : "computed",
               stage.wall_s, stage.cpu_s, static_cast<double>(stage.peak_rss) / (1 << 20), stage.key.substr(0, 12));
  }
  fmt::print("\nartifacts\n");
  for (const auto& artifact : store.artifacts(run.id)) fmt::print("  {:24} {}\n", artifact.name, artifact.path);
  fmt::print("\nmetrics (last step)\n");
  for (const auto& [key, value] : store.latest_metrics(run.id)) fmt::print("  {:40} {:.6g}\n", key, value);
  return 0;
}

int compare_runs(const Words& words) {
  const auto asked = parse(words, kCompareUsage);
  if (asked.ids.size() < 2) {
    throw UserError(ErrorKind::kUsage, "`compare` needs two or more run ids; `scalselect runs` lists them.",
                    std::string("Usage: ") + kCompareUsage);
  }
  const Store store(asked.store, Store::Mode::kReadOnly);
  std::vector<RunRow> runs;
  std::vector<std::map<std::string, std::string>> settings;
  std::vector<std::map<std::string, double>> metrics;
  std::set<std::string> setting_keys, metric_keys;
  for (const auto& id : asked.ids) {
    runs.push_back(store.run(id));
    flatten(runs.back().config, "", settings.emplace_back());
    metrics.push_back(store.latest_metrics(runs.back().id));
    for (const auto& [key, value] : settings.back()) setting_keys.insert(key);
    for (const auto& [key, value] : metrics.back()) metric_keys.insert(key);
  }
  const auto print_row = [&](const std::string& name, const auto& cell) {
    fmt::print("{:40}", name);
    for (std::size_t i = 0; i < runs.size(); ++i) fmt::print("  {:>18}", cell(i));
    fmt::print("\n");
  };
  print_row("", [&](std::size_t i) { return runs[i].id; });
  for (const auto& key : setting_keys) {
    std::set<std::string> values;
    const auto value = [&](std::size_t i) {
      const auto found = settings[i].find(key);
      return found == settings[i].end() ? std::string("-") : found->second;
    };
    for (std::size_t i = 0; i < runs.size(); ++i) values.insert(value(i));
    if (values.size() > 1) print_row(key, value);
  }
  for (const auto& key : metric_keys) {
    print_row(key, [&](std::size_t i) {
      const auto found = metrics[i].find(key);
      return found == metrics[i].end() ? std::string("-") : fmt::format("{:.6g}", found->second);
    });
  }
  return 0;
}

namespace {

using Users = std::map<std::string, std::set<std::string>>;

/// The runs that went through each artifact or name a file of it (a rendered world, a warm-up), by digest.
Users users_of(const Store& store) {
  Users users;
  for (const auto& run : store.runs()) {
    for (const auto& stage : store.stages(run.id)) users[stage.key].insert(run.id);
    for (const auto& artifact : store.artifacts(run.id)) {
      for (const auto& part : std::filesystem::path(artifact.path)) users[part.string()].insert(run.id);
    }
  }
  return users;
}

/// What a run at work will need next is not written down yet.
void refuse_while_running(const Store& store) {
  for (const auto& run : store.runs()) {
    if (run.status != "running") continue;
    throw UserError(ErrorKind::kUsage, fmt::format("Run {} ({}) is at work.", run.id, run.name),
                    "Wait until it has ended, then remove.");
  }
}

struct CacheWords {
  std::string root = "cache", store = kDefaultStore, verb;
  bool unused = false, unfinished = false, yes = false;
  Words ids;
};

CacheWords parse_cache(const Words& words) {
  CacheWords asked;
  for (const auto& word : words) {
    const bool removing = asked.verb == "rm";
    if (word.starts_with("cache=")) asked.root = word.substr(6);
    else if (word.starts_with("store=")) asked.store = word.substr(6);
    else if (asked.verb.empty() && (word == "ls" || word == "rm")) asked.verb = word;
    else if (removing && word == "--unused") asked.unused = true;
    else if (removing && word == "--unfinished") asked.unfinished = true;
    else if (removing && word == "--yes") asked.yes = true;
    else if (removing && word.size() >= 4 && word.find_first_not_of("0123456789abcdef") == std::string::npos)
      asked.ids.push_back(word);
    else
      throw UserError(ErrorKind::kUsage, fmt::format("'{}' is not understood here.", word),
                      std::string("Usage: ") + kCacheUsage);
  }
  if (asked.verb.empty())
    throw UserError(ErrorKind::kUsage, "`cache` needs ls or rm.", std::string("Usage: ") + kCacheUsage);
  return asked;
}

void print_entry(const ArtifactCache::Entry& entry, const Users& users) {
  std::string user = entry.complete ? "no run" : "unfinished";
  if (const auto found = users.find(entry.digest); entry.complete && found != users.end()) {
    user = *found->second.begin();
    if (found->second.size() > 1) user += fmt::format(" +{}", found->second.size() - 1);
  }
  std::string params = entry.params.is_object() && !entry.params.empty() ? entry.params.dump() : "";
  if (params.size() > 60) params = std::string(cut_to_width(params, 59)) + "…";
  fmt::print("{:12}  {:12}  {:19}  {:>9.1f}  {:16}  {}\n", entry.stage, entry.digest.substr(0, 12),
             time_text(entry.made_s * 1000), static_cast<double>(entry.bytes) / (1 << 20), user, params);
}

/// The entries that the words of `rm` name.
std::vector<ArtifactCache::Entry> named_entries(const CacheWords& asked, const ArtifactCache& cache,
                                                const Users& users) {
  const auto all = cache.list();
  for (const auto& id : asked.ids) {
    const auto hits = std::count_if(all.begin(), all.end(), [&](const auto& e) { return e.digest.starts_with(id); });
    if (hits > 0) continue;
    throw UserError(ErrorKind::kUsage, fmt::format("'{}' holds no artifact '{}'.", asked.root, id),
                    "`scalselect cache ls` lists them.");
  }
  std::vector<ArtifactCache::Entry> named;
  for (const auto& entry : all) {
    const bool by_id =
        std::any_of(asked.ids.begin(), asked.ids.end(), [&](const auto& id) { return entry.digest.starts_with(id); });
    const bool by_kind = entry.complete ? asked.unused && !users.contains(entry.digest) : asked.unfinished;
    if (by_id || by_kind) named.push_back(entry);
  }
  return named;
}

}  // namespace

int run_cache(const Words& words) {
  const auto asked = parse_cache(words);
  const ArtifactCache cache(asked.root);
  const bool removing = asked.verb == "rm";
  Users users;
  if (removing || std::filesystem::exists(asked.store)) {
    const Store store(asked.store, Store::Mode::kReadOnly);
    if (removing) refuse_while_running(store);
    users = users_of(store);
  }
  if (removing && asked.ids.empty() && !asked.unused && !asked.unfinished) {
    throw UserError(ErrorKind::kUsage, "`cache rm` needs to be told what: --unused, --unfinished or ids.",
                    std::string("Usage: ") + kCacheUsage);
  }
  std::uintmax_t bytes = 0;
  fmt::print("{:12}  {:12}  {:19}  {:>9}  {:16}  {}\n", "stage", "id", "made (UTC)", "MiB", "used by run", "options");
  for (const auto& entry : removing ? named_entries(asked, cache, users) : cache.list()) {
    if (asked.yes && !cache.remove(entry)) continue;
    bytes += entry.bytes;
    print_entry(entry, users);
  }
  fmt::print("{} {:.1f} MiB{}\n",
             !removing   ? "in all"
             : asked.yes ? "removed"
                         : "would remove",
             static_cast<double>(bytes) / (1 << 20),
             removing && !asked.yes ? "; nothing was removed, say --yes to remove them" : "");
  return 0;
}

}  // namespace scalselect::app
