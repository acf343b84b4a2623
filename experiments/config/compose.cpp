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
  if (const auto primary = repository.load(config_name)) {
    if (!primary->content.is_map()) refuse("primary config '" + config_name + "' must be a DictConfig, got ListConfig");
    if (const auto found = resolve_path(primary->content, "hydra.searchpath")) paths = *found;
  }
  const auto by_word = std::find_if(overrides.begin(), overrides.end(),
                                    [](const Override& word) { return word.key_element() == "hydra.searchpath"; });
  if (by_word != overrides.end()) paths = by_word->value;
  if (paths.is_null() || paths.is_missing()) return;
  const bool good = paths.is_list() && std::all_of(paths.items().begin(), paths.items().end(),
                                                   [](const Value& path) { return path.is_string(); });
  if (!good) refuse("hydra.searchpath must be a list of strings. Got: " + python_str(paths));
  for (const auto& path : paths.items()) repository.append(path.as_string());
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
      const Value* hydra = content.find("hydra");
      if (hydra && !hydra_nodes().contains(entry.config_path))
        check_hydra_keys(*hydra, repository.load("hydra/config")->content, "hydra");
      merge_into(root, content);
    } catch (const UserError& error) {
      refuse("In '" + entry.config_path + "': ConfigTypeError raised while composing config:\n" + error.problem());
    }
  }
  return root;
}

/// " Did you mean 'trainer.lr'?" for `lr`, if no other key ends so.
std::string same_leaf_hint(const Value& root, const std::string& leaf) {
  std::vector<std::string> found;
  for_each_node(root, [&](const std::string& path, const Value&) {
    if (path.ends_with("." + leaf) && !path.starts_with("hydra.")) found.push_back(path);
  });
  return found.size() == 1 ? " Did you mean '" + found[0] + "'?" : "";
}

/// The file that wrote `node`. The top level has many: its own keys are in the primary one.
std::string file_of(const Value& node) {
  std::string file = node.origin().file;
  if (!file.empty() || !node.is_map()) return file;
  for (const auto& [name, item] : node.entries()) {
    if (file.empty() && !item.is_map()) file = item.origin().file;
  }
  return file;
}

/// " Did you mean 'lr'? 'trainer' is defined in conf/trainer/lora.yaml."
std::string unknown_key_hint(const Value& root, const Repository& repository, const std::string& key) {
  const Value* node = &root;
  std::string reached, unknown;
  for (const auto& step : split_path(key)) {
    unknown = step;
    const Value* next = node->find(step);
    if (!next) break;
    node = next;
    reached = join_path(reached, step);
  }
  std::vector<std::string> names;
  if (node->is_map()) {
    for (const auto& [name, item] : node->entries()) names.push_back(python_str(name));
  }
  if (reached.empty()) {
    for (const auto& group : repository.subgroups("")) {
      if (!root.find(group)) names.push_back(group);
    }
    std::erase(names, "hydra");
  }
  std::string hint = did_you_mean(unknown, names);
  if (hint.empty()) hint = same_leaf_hint(root, split_path(key).back());
  const std::string file = file_of(*node);
  if (file.empty()) return hint;
  return hint + (reached.empty() ? " The top level" : " '" + reached + "'") + " is defined in " + file + ".";
}

std::string override_dirname(const std::vector<Override>& overrides, const Value& hydra) {
  const Value* settings = find_path(hydra, "job.config.override_dirname");
  const auto text = [&](const char* key) {
    const Value* value = settings ? settings->find(key) : nullptr;
    return value ? python_str(*value) : std::string();
  };
  const std::string kv = text("kv_sep"), between = text("item_sep");
  const Value* keys = settings ? settings->find("exclude_keys") : nullptr;
  const auto excluded = [&](const std::string& key) {
    return keys && keys->is_list() &&
           std::find(keys->items().begin(), keys->items().end(), Value::string(key)) != keys->items().end();
  };
  std::vector<std::string> words;
  for (const auto& override : overrides) {
    if (!override.is_hydra() && !excluded(override.key)) words.push_back(override.text);
  }
  std::sort(words.begin(), words.end());
  std::string out;
  for (const char c : join_names(words, between)) out += c == '=' ? kv : std::string(1, c);
  return out;
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
  Value own = Value::list(), task = Value::list();
  for (const auto& override : overrides) {
    (override.is_hydra() ? own : task).items().push_back(Value::string(override.text));
  }
  set_path(hydra, "overrides.hydra", std::move(own));
  set_path(hydra, "overrides.task", std::move(task));
  Value map = Value::map();
  for (const auto& [group, option] : choices) {
    map.set(group, option == "null" ? Value() : Value::string(option));
  }
  set_path(hydra, "runtime.choices", std::move(map));
  set_path(hydra, "runtime.cwd", Value::string(std::filesystem::current_path().string()));
  const Value* name = find_path(hydra, "job.name");
  if (!name || name->is_missing()) set_path(hydra, "job.name", Value::string("scalselect"));
  set_path(hydra, "job.config_name", Value::string(request.config_name));
  if (request.job_num) {
    set_path(hydra, "job.num", Value::integer(*request.job_num));
    set_path(hydra, "job.id", Value::string(std::to_string(*request.job_num)));
  }
  set_path(hydra, "job.override_dirname", Value::string(override_dirname(overrides, hydra)));
}

/// `GROUP=all`, where the group has no option of that name.
bool means_every_option(const Override& override, const Repository& repository) {
  const Value& value = override.value;
  if (override.is_sweep() || !value.is_string() || value.as_string() != "all") return false;
  const auto options = repository.options(override.key);
  return !options.empty() && std::find(options.begin(), options.end(), "all") == options.end();
}

/// `GROUP=all` as a sweep over the options that are complete by themselves: not those with a value that is missing
/// (???), such as a file.
std::string every_option(const Override& override, Repository& repository) {
  std::vector<std::string> incomplete;
  for (const auto& option : repository.options(override.key)) {
    bool missing = false;
    if (const auto loaded = repository.load(override.key + "/" + option))
      for_each_node(loaded->content, [&](const std::string&, const Value& node) { missing |= node.is_missing(); });
    if (missing) incomplete.push_back(option);
  }
  if (incomplete.empty()) return override.key_element() + "=glob(*)";
  return override.key_element() + "=glob(*, exclude=[" + join_names(incomplete, ",") + "])";
}

}  // namespace

ComposedConfig compose(const ComposeRequest& request) {
  auto overrides = parse_overrides(request.overrides);
  Repository repository = open_repository(request, overrides);
  if (!request.multirun) refuse_sweeps(overrides);
  for (auto& override : overrides) {
    if (request.multirun && means_every_option(override, repository))
      override = parse_override(every_option(override, repository));
  }

  DefaultsResult defaults = make_defaults(repository, request.config_name, overrides, request.multirun);
  Value root = merge_files(repository, defaults.entries);
  for (const auto& override : defaults.config_overrides) {
    if (override.is_sweep()) continue;
    apply_override(root, override, [&](const std::string& key) { return unknown_key_hint(root, repository, key); });
  }

  ComposedConfig result;
  for (const auto& override : overrides) {
    if (!override.is_hydra()) result.task_overrides.push_back(override.text);
  }
  if (const Value* hydra = root.find("hydra")) result.hydra = *hydra;
  root.erase("hydra");
  complete_hydra(result, request, overrides, defaults.choices);
  for (auto& choice : defaults.choices) {
    if (!choice.first.starts_with("hydra/")) result.choices.push_back(std::move(choice));
  }
  result.config = std::move(root);
  result.defaults = std::move(defaults.entries);
  result.defaults_tree = std::move(defaults.tree);
  result.context.hydra = result.hydra;
  return result;
}

nlohmann::json ComposedConfig::json() const { return to_json(resolve(config, context)); }

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
  std::vector<std::string> missing;
  for_each_node(config.config, [&](const std::string& path, const Value& node) {
    if (node.is_missing()) missing.push_back(path);
  });
  if (missing.empty()) return;
  // What the configuration itself says of a value that only the user has: where it comes from.
  std::string sources;
  const Value* texts = find_path(config.hydra, "missing");
  for (const auto& path : missing) {
    const Value* text = texts != nullptr && texts->is_map() ? texts->find(path) : nullptr;
    if (text != nullptr && text->is_string()) sources += "; " + path + " is " + text->as_string();
  }
  refuse("Missing mandatory value(s): " + join_names(missing, ", "),
         "Set them on the command line: key=value" + sources + ".");
}

std::vector<std::vector<std::string>> multirun_jobs(const ComposeRequest& request) {
  ComposeRequest sweep_request = request;
  sweep_request.multirun = true;
  const ComposedConfig composed = compose(sweep_request);
  const auto overrides = parse_overrides(request.overrides);
  Repository repository = open_repository(request, overrides);
  const Value* sweeper = find_path(composed.hydra, "sweeper.params");
  const Value params = sweeper && sweeper->is_map() ? *sweeper : Value::map();
  std::set<std::string> given;
  std::vector<std::string> own_words;
  for (const auto& override : overrides) {
    const std::string key = override.key_element();
    const bool every = means_every_option(override, repository);
    if (every && params.find(key)) continue;  // what the experiment lists
    given.insert(key);
    own_words.push_back(every ? every_option(override, repository) : override.text);
  }
  std::vector<std::string> words;
  for (const auto& [key, value] : params.entries()) {
    if (!given.contains(python_str(key))) words.push_back(python_str(key) + "=" + python_str(value));
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
  return names;
}

}  // namespace scalselect::config
