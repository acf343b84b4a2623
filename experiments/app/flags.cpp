#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include "core/error.h"
#include "experiments/app/commands.h"
#include "experiments/config/answers.h"
#include "experiments/resources.h"
#include "experiments/schema/keys.h"
#include "experiments/schema/nodes.h"

namespace scalselect::app {
namespace {

std::string own_config_folder() {
  if (const char* folder = std::getenv("SCALSELECT_CONF")) return folder;
  return (resource_folder() / "conf").string();
}

/// Flags without a value, and what they do to `flags`.
std::map<std::string, std::function<void()>> switches_of(Flags& flags) {
  return {
      {"--multirun", [&] { flags.multirun = true; }}, {"-m", [&] { flags.multirun = true; }},
      {"--help", [&] { flags.help = true; }},         {"-h", [&] { flags.help = true; }},
      {"--resolve", [&] { flags.resolve = true; }},   {"--dry-run", [&] { flags.dry_run = true; }},
  };
}

/// Flags with a value, after '=' or in the next word.
std::map<std::string, std::function<void(const std::string&)>> valued_of(Flags& flags) {
  const auto add_dir = [&](const std::string& value) { flags.config_dirs.push_back(value); };
  const auto set = [](std::string& target) { return [&target](const std::string& value) { target = value; }; };
  return {
      {"--cfg", set(flags.cfg)},
      {"-c", set(flags.cfg)},
      {"--info", set(flags.info)},
      {"-i", set(flags.info)},
      {"--package", set(flags.package)},
      {"-p", set(flags.package)},
      {"--format", set(flags.format)},
      {"--config-name", set(flags.config_name)},
      {"-cn", set(flags.config_name)},
      {"--config-path", set(flags.config_path)},
      {"-cp", set(flags.config_path)},
      {"--config-dir", add_dir},
      {"-cd", add_dir},
  };
}

/// " Did you mean 'pool.path=p.json'?" for a file or folder without a key.
std::string setting_hint(const std::string& word) {
  const auto extension = std::filesystem::path(word).extension();
  std::error_code unreadable;
  const char* key = nullptr;
  if (extension == ".json" || extension == ".jsonl") key = "pool.path";
  else if (extension == ".npz" || extension == ".npy") key = "features";
  else if (std::filesystem::is_directory(word, unreadable)) key = "model.path";
  return key ? fmt::format(" Did you mean '{}={}'?", key, word) : std::string();
}

/// A setting that was written as a flag, `--model DIR`, as it must be written; empty if the word names no setting.
/// `next`: the word after it, if any.
std::string flag_as_setting(const std::string& word, const std::string& next) {
  const auto equals = word.find('=');
  std::string key = word.substr(0, equals);
  key.erase(0, key.find_first_not_of('-'));
  std::replace(key.begin(), key.end(), '-', '_');
  if (!schema::is_setting(key)) return {};
  if (key == "model" || key == "pool" || key == "target") key += ".path";
  const bool given = equals != std::string::npos;
  const std::string value = given ? word.substr(equals + 1) : next.empty() || next[0] == '-' ? "…" : next;
  return fmt::format(" Settings are KEY=VALUE without dashes: '{}={}'.", key, value);
}

[[noreturn]] void refuse_flag(const std::string& word, const std::string& next) {
  auto hint = flag_as_setting(word, next);
  if (hint.empty()) hint = did_you_mean(word.substr(0, word.find('=')), known_flags());
  throw UserError(ErrorKind::kUsage, fmt::format("There is no flag '{}'.{}", word, hint),
                  "`scalselect COMMAND --help` lists flags and keys.");
}

}  // namespace

Words known_flags() {
  Flags flags;
  Words known;
  for (const auto& [flag, action] : switches_of(flags)) known.push_back(flag);
  for (const auto& [flag, action] : valued_of(flags)) known.push_back(flag);
  std::sort(known.begin(), known.end());
  return known;
}

Flags parse_flags(const Words& words) {
  Flags flags;
  auto switches = switches_of(flags);
  auto valued = valued_of(flags);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (word.empty() || word[0] != '-') {
      if (equals == std::string::npos && !word.starts_with('~')) {
        throw UserError(ErrorKind::kUsage,
                        fmt::format("'{}' is not a setting, which is KEY=VALUE.{}", word, setting_hint(word)),
                        "`scalselect COMMAND --help` lists the keys.");
      }
      flags.overrides.push_back(word);
    } else if (switches.contains(word)) {
      switches[word]();
    } else if (valued.contains(name)) {
      if (equals != std::string::npos) valued[name](word.substr(equals + 1));
      else if (i + 1 < words.size()) valued[name](words[++i]);
      else throw UserError(ErrorKind::kUsage, fmt::format("The flag '{}' needs a value.", word));
    } else {
      refuse_flag(word, i + 1 < words.size() ? words[i + 1] : "");
    }
  }
  return flags;
}

config::ComposeRequest request_for(const Flags& flags, const std::string& config_name) {
  config::ComposeRequest request;
  request.config_dirs.push_back(flags.config_path.empty() ? own_config_folder() : flags.config_path);
  request.config_dirs.insert(request.config_dirs.end(), flags.config_dirs.begin(), flags.config_dirs.end());
  request.config_name = flags.config_name.empty() ? config_name : flags.config_name;
  request.overrides = flags.overrides;
  request.multirun = flags.multirun;
  request.nodes = &schema::registered_nodes();
  return request;
}

int answer_questions(const Flags& flags, const config::ComposeRequest& request, const Usage& usage) {
  if (flags.dry_run && !usage.rehearses && !flags.help) {
    throw UserError(ErrorKind::kUsage, "--dry-run is for `run`, `plan` and `eval`: this command would do its work.",
                    "Leave it out; --cfg job shows the settings.");
  }
  if (!flags.help && flags.cfg.empty() && flags.info.empty()) {
    if (!flags.multirun || usage.sweeps) return -1;
    throw UserError(ErrorKind::kUsage, "This command does one thing at a time and does not sweep (-m).",
                    "Give each key one value; `scalselect -m …` sweeps over whole runs.");
  }
  if (flags.multirun && !flags.help) {
    throw UserError(ErrorKind::kUsage, "--cfg and --info show one configuration, and -m asks for several.",
                    "Leave -m out and give each key one value.");
  }
  auto question = request;
  question.multirun = flags.help;  // help on a sweep is help on what its jobs have in common
  const auto composed = config::compose(question);
  if (flags.help) {
    fmt::print(
        "{}\n\nFlags: {}--cfg job|hydra|all, --resolve, --package KEY, --info defaults|defaults-tree,\n"
        "       --format yaml|json, -cn/--config-name NAME, -cp/--config-path DIR, -cd/--config-dir DIR, "
        "-h/--help\n\n{}",
        usage.text, usage.sweeps ? "-m/--multirun, " : "",
        schema::help_text(flags.config_name.empty() ? request.config_name : "config", request, composed));
  } else if (!flags.cfg.empty()) {
    fmt::print("{}", config::cfg_text(composed, flags.cfg, flags.resolve, flags.package, flags.format));
  } else {
    fmt::print("{}", config::info_text(composed, flags.info));
  }
  return 0;
}

bool is_override_or_flag(const std::string& word) {
  return word.find('=') != std::string::npos || word.find_first_of("-+~") == 0;
}

}  // namespace scalselect::app
