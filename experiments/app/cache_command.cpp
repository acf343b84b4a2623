// cache: what the stages left, and the removal of what no run uses.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/artifact_cache.h"
#include "core/progress_text.h"
#include "core/store.h"
#include "experiments/app/plain_words.h"
#include "experiments/report/origin.h"

namespace scalselect::app {
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

/// What a running run will need next is recorded nowhere yet.
void refuse_while_running(const Store& store) {
  for (const auto& run : store.runs()) {
    if (run.status != "running") continue;
    throw UserError(ErrorKind::kUsage, fmt::format("Run {} ({}) is running.", run.id, run.name),
                    "Wait until it has ended, then remove.");
  }
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
             report::utc_text(entry.made_s * 1000), static_cast<double>(entry.bytes) / (1 << 20), user, params);
}

/// The entries that the words of `rm` name.
std::vector<ArtifactCache::Entry> named_entries(const Words& ids, const std::set<std::string>& flags,
                                                const ArtifactCache& cache, const Users& users) {
  const auto all = cache.list();
  for (const auto& id : ids) {
    if (id.size() < 4) refuse_plain("cache", fmt::format("'{}' is too short: give four letters of an id.", id));
    const auto hits = std::count_if(all.begin(), all.end(), [&](const auto& e) { return e.digest.starts_with(id); });
    if (hits > 0) continue;
    throw UserError(ErrorKind::kUsage, fmt::format("'{}' holds no artifact '{}'.", cache.root().string(), id),
                    "`scalselect cache ls` lists them.");
  }
  std::vector<ArtifactCache::Entry> named;
  for (const auto& entry : all) {
    const bool by_id =
        std::any_of(ids.begin(), ids.end(), [&](const auto& id) { return entry.digest.starts_with(id); });
    const bool by_kind =
        entry.complete ? flags.contains("--unused") && !users.contains(entry.digest) : flags.contains("--unfinished");
    if (by_id || by_kind) named.push_back(entry);
  }
  return named;
}

}  // namespace

int run_cache(const Words& words) {
  const auto asked = parse_plain("cache", words, words.size());
  if (asked.names.empty() || (asked.names[0] != "ls" && asked.names[0] != "rm")) {
    refuse_plain("cache", "`cache` needs ls or rm.");
  }
  const bool removing = asked.names[0] == "rm";
  const Words ids(asked.names.begin() + 1, asked.names.end());
  const auto& flags = asked.flags;
  if (!removing && !(ids.empty() && flags.empty())) refuse_plain("cache", "`cache ls` lists everything.");
  if (removing && ids.empty() && !flags.contains("--unused") && !flags.contains("--unfinished")) {
    refuse_plain("cache", "`cache rm` does not know what to remove: --unused, --unfinished or ids.");
  }
  const bool yes = flags.contains("--yes");
  const ArtifactCache cache(asked.value("cache", "cache"));
  Users users;
  if (removing || std::filesystem::exists(asked.store())) {
    const Store store(asked.store(), Store::Mode::kReadOnly);
    if (removing) refuse_while_running(store);
    users = users_of(store);
  }
  std::uintmax_t bytes = 0;
  fmt::print("{:12}  {:12}  {:19}  {:>9}  {:16}  {}\n", "stage", "id", "made (UTC)", "MiB", "used by run", "options");
  for (const auto& entry : removing ? named_entries(ids, flags, cache, users) : cache.list()) {
    if (yes && !cache.remove(entry)) continue;
    bytes += entry.bytes;
    print_entry(entry, users);
  }
  fmt::print("{} {:.1f} MiB{}\n",
             !removing ? "in all"
             : yes     ? "removed"
                       : "would remove",
             static_cast<double>(bytes) / (1 << 20),
             removing && !yes ? "; nothing was removed, say --yes to remove them" : "");
  return 0;
}

}  // namespace scalselect::app
