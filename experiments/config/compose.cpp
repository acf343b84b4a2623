#include "experiments/config/compose.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "experiments/config/defaults.h"
#include "experiments/config/edit.h"
#include "experiments/config/refuse.h"
#include "experiments/config/repository.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

void refuse_sweeps(const std::vector<Override>& overrides) {
  for (const auto& override : overrides) {
    if (!override.is_sweep()) continue;
    if (override.sweep.kind != SweepKind::kSimpleChoice) {
      refuse("Sweep parameters '" + override.text + "' requires --multirun");
    }
    refuse("Ambiguous value for argument '" + override.text + "'\n1. To use it as a list, use key=[value1,value2]\n" +
           "2. To use it as string, quote the value: key=\\'value1,value2\\'\n" +
           "3. To sweep over it, add --multirun to your command line");
  }
}

/// `hydra.searchpath` of the primary file or the command line: further folders.
void extend_search_path(Repository& repository, const std::string& config_name,
                        const std::vector<Override>& overrides) {
  Value paths;
  if (!config_name.empty()) {
    if (const auto primary = repository.load(config_name)) {
      if (!primary->content.is_map())
        refuse("primary config '" + config_name + "' must be a DictConfig, got ListConfig");
      if (const auto found = resolve_path(primary->content, "hydra.searchpath")) paths = *found;
    }
  }
  for (const auto& override : overrides) {
    if (override.key_element() == "hydra.searchpath") {
      paths = override.value;
      break;
    }
  }
  if (paths.is_null() || paths.is_missing()) return;
  std::vector<std::string> folders;
  bool good = paths.is_list();
  if (good) {
    for (const auto& path : paths.items()) {
      good = good && path.is_string();
      if (path.is_string()) folders.push_back(path.as_string());
    }
  }
  if (!good) refuse("hydra.searchpath must be a list of strings. Got: " + python_str(paths));
  repository.append(folders);
}

/// Everything that `request` searches.
Repository open_repository(const ComposeRequest& request, const std::vector<Override>& overrides) {
  Repository repository(request.config_dirs, request.nodes, request.parsed);
  extend_search_path(repository, request.config_name, overrides);
  return repository;
}

/// Hydra's own node has fixed keys; the maps that are empty in its own file take any.
void check_hydra_keys(const Value& source, const Value& known, const std::string& path) {
  if (!source.is_map() || !known.is_map() || known.size() == 0) return;
  for (const auto& [key, item] : source.entries()) {
    const std::string full = path + "." + python_str(key);
    const Value* entry = known.find(key);
    if (!entry) refuse("Key '" + python_str(key) + "' not in 'HydraConf'\n    full_key: " + full);
    check_hydra_keys(item, *entry, full);
  }
}

Value merge_files(Repository& repository, const std::vector<DefaultsEntry>& entries) {
  Value root = Value::map();
  for (const auto& entry : entries) {
    const auto loaded = repository.load(entry.config_path);
    const Value content = under_package(loaded->content, entry.package);
    if (!entry.primary && entry.config_path != "hydra/config" && find_path(content, "hydra.searchpath")) {
      refuse("In '" + entry.config_path + "': Overriding hydra.searchpath is only supported from the primary config");
    }
    try {
      const Value* hydra = content.is_map() ? content.find("hydra") : nullptr;
      if (hydra && !hydra_nodes().contains(entry.config_path))
        check_hydra_keys(*hydra, repository.load("hydra/config")->content, "hydra");
      merge_into(root, content);
    } catch (const UserError& error) {
      refuse("In '" + entry.config_path + "': ConfigTypeError raised while composing config:\n" + error.problem());
    }
  }
  return root;
}

/// Dotted keys below a map, for "did you mean".
void collect_keys(const Value& node, const std::string& path, std::vector<std::string>& out) {
  if (!node.is_map()) return;
  for (const auto& [key, item] : node.entries()) {
    const std::string full = path.empty() ? python_str(key) : path + "." + python_str(key);
    if (full == "hydra") continue;
    out.push_back(full);
    collect_keys(item, full, out);
  }
}

/// " Did you mean 'lr'? 'trainer' is defined in conf/trainer/lora.yaml."
std::string unknown_key_hint(const Value& root, const Repository& repository, const std::string& key) {
  const auto steps = split_path(key);
  const Value* node = &root;
  std::string reached;
  std::string unknown = steps.empty() ? key : steps[0];
  for (const auto& step : steps) {
    unknown = step;
    const Value* next = node->is_map() ? node->find(step) : nullptr;
    if (!next) break;
    node = next;
    reached += (reached.empty() ? "" : ".") + step;
  }
  std::vector<std::string> names;
  if (node->is_map()) {
    for (const auto& [name, item] : node->entries()) {
      if (!(reached.empty() && name == Value::string("hydra"))) names.push_back(python_str(name));
    }
  }
  if (reached.empty()) {
    for (const auto& group : repository.subgroups("")) {
      const bool listed = std::find(names.begin(), names.end(), group) != names.end();
      if (group != "hydra" && !listed) names.push_back(group);
    }
  }
  std::string hint = did_you_mean(unknown, names);
  if (hint.empty()) {
    std::vector<std::string> all, same_leaf;
    collect_keys(root, "", all);
    for (const auto& full : all) {
      const auto dot = full.rfind('.');
      if (dot != std::string::npos && full.substr(dot + 1) == steps.back()) same_leaf.push_back(full);
    }
    if (same_leaf.size() == 1) hint = " Did you mean '" + same_leaf[0] + "'?";
  }
  std::string file = node->origin().file;
  if (file.empty() && node->is_map()) {  // the top level has many files; its own keys stand in the primary one
    for (const auto& [name, item] : node->entries()) {
      if (file.empty() && !item.is_map()) file = item.origin().file;
    }
  }
  if (!file.empty()) {
    hint += reached.empty() ? " The top level is defined in " + file + "."
                            : " '" + reached + "' is defined in " + file + ".";
  }
  return hint;
}

std::string override_dirname(const std::vector<Override>& overrides, const Value& hydra) {
  const Value* settings = find_path(hydra, "job.config.override_dirname");
  const auto text = [&](const char* key, const char* fallback) {
    const Value* value = settings ? settings->find(std::string_view(key)) : nullptr;
    return value && value->is_string() ? value->as_string() : std::string(fallback);
  };
  const std::string kv = text("kv_sep", "="), between = text("item_sep", ",");
  std::set<std::string> excluded;
  if (const Value* keys = settings ? settings->find("exclude_keys") : nullptr; keys && keys->is_list()) {
    for (const auto& key : keys->items()) excluded.insert(python_str(key));
  }
  std::vector<std::string> words;
  for (const auto& override : overrides) {
    if (!override.is_hydra() && !excluded.count(override.key)) words.push_back(override.text);
  }
  std::sort(words.begin(), words.end());
  std::string joined, out;
  for (const auto& word : words) joined += (joined.empty() ? "" : between) + word;
  for (const char c : joined) out += c == '=' ? kv : std::string(1, c);
  return out;
}

Value string_list(const std::vector<std::string>& texts) {
  Value list = Value::list();
  for (const auto& text : texts) list.items().push_back(Value::string(text));
  return list;
}

void set_path(Value& root, const std::string& path, Value value) {
  const auto dot = path.rfind('.');
  Value* parent = dot == std::string::npos ? &root : find_path(root, path.substr(0, dot));
  if (parent && parent->is_map()) parent->set(path.substr(dot + 1), std::move(value));
}

/// What Hydra fills in once everything is composed.
void complete_hydra(ComposedConfig& result, const ComposeRequest& request, const std::vector<Override>& overrides,
                    const std::vector<std::pair<std::string, std::string>>& choices) {
  Value& hydra = result.hydra;
  set_path(hydra, "overrides.hydra", string_list(result.hydra_overrides));
  set_path(hydra, "overrides.task", string_list(result.task_overrides));
  Value map = Value::map();
  for (const auto& [group, option] : choices) {
    map.set(group, option == "null" ? Value() : Value::string(option));
  }
  set_path(hydra, "runtime.choices", std::move(map));
  set_path(hydra, "runtime.cwd", Value::string(std::filesystem::current_path().string()));
  const Value* name = find_path(hydra, "job.name");
  if (!name || name->is_missing()) set_path(hydra, "job.name", Value::string(request.job_name));
  set_path(hydra, "job.config_name", Value::string(request.config_name));
  if (request.job_num) {
    set_path(hydra, "job.num", Value::integer(*request.job_num));
    set_path(hydra, "job.id", Value::string(std::to_string(*request.job_num)));
  }
  set_path(hydra, "job.override_dirname", Value::string(override_dirname(overrides, hydra)));
}

void collect_groups(const Repository& repository, const std::string& parent,
                    std::vector<std::pair<std::string, std::vector<std::string>>>& out) {
  for (const auto& name : repository.subgroups(parent)) {
    const std::string group = parent.empty() ? name : parent + "/" + name;
    if (group == "hydra") continue;
    auto options = repository.options(group);
    if (!options.empty()) out.emplace_back(group, std::move(options));
    collect_groups(repository, group, out);
  }
}

/// `GROUP=all`, where the group has no option of that name.
bool means_every_option(const Override& override, const Repository& repository) {
  const Value& value = override.value;
  if (override.is_sweep() || !value.is_string() || value.as_string() != "all") return false;
  const auto options = repository.options(override.key);
  return !options.empty() && std::find(options.begin(), options.end(), "all") == options.end();
}

std::string every_option(const Override& override) { return override.key_element() + "=glob(*)"; }

}  // namespace

ComposedConfig compose(const ComposeRequest& request) {
  auto overrides = parse_overrides(request.overrides);
  Repository repository = open_repository(request, overrides);
  if (!request.multirun) refuse_sweeps(overrides);
  for (auto& override : overrides) {
    if (request.multirun && means_every_option(override, repository)) override = parse_override(every_option(override));
  }

  DefaultsResult defaults = make_defaults(repository, request.config_name, overrides, request.multirun);
  Value root = merge_files(repository, defaults.entries);
  for (const auto& override : defaults.config_overrides) {
    if (override.is_sweep()) continue;
    apply_override(root, override, [&](const std::string& key) { return unknown_key_hint(root, repository, key); });
  }

  ComposedConfig result;
  for (const auto& override : overrides) {
    (override.is_hydra() ? result.hydra_overrides : result.task_overrides).push_back(override.text);
  }
  if (const Value* hydra = root.find("hydra")) result.hydra = *hydra;
  root.erase("hydra");
  complete_hydra(result, request, overrides, defaults.choices);
  for (auto& choice : defaults.choices) {
    if (!choice.first.starts_with("hydra/")) result.choices.push_back(std::move(choice));
  }
  result.config = std::move(root);
  result.defaults = std::move(defaults.entries);
  result.tree = std::move(defaults.tree);
  result.context.hydra = result.hydra;
  return result;
}

Value ComposedConfig::resolved() const { return resolve(config, context); }

nlohmann::json ComposedConfig::json() const { return to_json(resolved()); }

nlohmann::json ComposedConfig::json_without_environment() const {
  ResolveContext lenient = context;
  lenient.keep_environment = true;
  return to_json(resolve(config, lenient));
}

KeyOrigin ComposedConfig::origin() const {
  return [config = config](const std::string& key) {
    std::string path = key;
    while (true) {
      if (const Value* node = find_path(config, path)) return node->origin().text();
      const auto dot = path.rfind('.');
      if (dot == std::string::npos) return std::string();
      path.resize(dot);
    }
  };
}

void require_complete(const ComposedConfig& config) {
  std::string list;
  for (const auto& key : missing_keys(config.config)) list += (list.empty() ? "" : ", ") + key;
  if (!list.empty()) refuse("Missing mandatory value(s): " + list, "Set them on the command line: key=value.");
}

std::vector<std::vector<std::string>> multirun_jobs(const ComposeRequest& request) {
  ComposeRequest sweep_request = request;
  sweep_request.multirun = true;
  const ComposedConfig composed = compose(sweep_request);
  const auto overrides = parse_overrides(request.overrides);
  const Repository repository = open_repository(request, overrides);
  const Value* params = find_path(composed.hydra, "sweeper.params");
  std::set<std::string> swept, given;
  if (params && params->is_map()) {
    for (const auto& [key, value] : params->entries()) swept.insert(python_str(key));
  }
  std::vector<std::string> own_words;
  for (const auto& override : overrides) {
    const std::string key = override.key_element();
    const bool every = means_every_option(override, repository);
    if (every && swept.count(key)) continue;  // what the experiment lists
    given.insert(key);
    own_words.push_back(every ? every_option(override) : override.text);
  }
  std::vector<std::string> words;
  if (params && params->is_map()) {
    for (const auto& [key, value] : params->entries()) {
      const std::string text = python_str(key);
      if (!given.count(text)) words.push_back(text + "=" + python_str(value));
    }
  }
  words.insert(words.end(), own_words.begin(), own_words.end());
  return expand_sweep(words, [&](const std::string& group) { return repository.options(group); });
}

std::vector<std::string> group_options(const ComposeRequest& request, const std::string& group, bool below) {
  const Repository repository = open_repository(request, parse_overrides(request.overrides));
  if (below) return repository.options_below(group);
  auto names = repository.options(group);
  const auto groups = repository.subgroups(group);
  names.insert(names.end(), groups.begin(), groups.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<std::pair<std::string, std::vector<std::string>>> list_groups(const ComposeRequest& request) {
  std::vector<std::pair<std::string, std::vector<std::string>>> out;
  collect_groups(open_repository(request, parse_overrides(request.overrides)), "", out);
  return out;
}

}  // namespace scalselect::config
