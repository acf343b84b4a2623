#include "experiments/config/command.h"

#include <algorithm>
#include <array>
#include <ostream>

#include "experiments/config/refuse.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

constexpr const char* kUsage =
    "Usage: scalselect compose --config-dir DIR --config-name NAME [flags] overrides...\n"
    "\n"
    "Composes a folder of YAML groups as Hydra does and prints the result.\n"
    "\n"
    "  --config-dir, -cd DIR     folder of configurations (repeat for more; the first one wins)\n"
    "  --config-name, -cn NAME   primary file, without .yaml\n"
    "  --resolve                 replace interpolations by their values\n"
    "  --format yaml|json        how to print (default: yaml)\n"
    "  --package, -p a.b         only this part of the configuration\n"
    "  --cfg, -c job|hydra|all   which part to print (default: job)\n"
    "  --info defaults|defaults-tree\n"
    "  --multirun, -m            list the jobs of a sweep instead\n"
    "  --help, -h                this text, the groups and the configuration\n"
    "\n"
    "Overrides: key=value  +key=value  ++key=value  ~key  group=option  group@package=option\n"
    "  scalselect compose -cd conf -cn config method=random trainer.lr=1e-4\n"
    "  scalselect compose -cd conf -cn config --format json --resolve +experiment=mini\n";

struct Arguments {
  ComposeRequest request;
  std::string format = "yaml", cfg = "job", info, package;
  bool resolve = false, help = false;
};

/// The value of a flag that takes one: after '=' or in the next word.
std::string flag_value(const std::vector<std::string>& args, std::size_t& i) {
  const auto equal = args[i].find('=');
  if (equal != std::string::npos) return args[i].substr(equal + 1);
  if (i + 1 >= args.size()) refuse("The flag '" + args[i] + "' needs a value.", "See scalselect compose --help.");
  return args[++i];
}

void one_of(const std::string& flag, const std::string& value, std::initializer_list<const char*> allowed) {
  std::string list;
  for (const char* word : allowed) {
    if (value == word) return;
    list += (list.empty() ? "" : ", ") + std::string(word);
  }
  refuse("The flag " + flag + " takes one of " + list + ", not '" + value + "'.");
}

Arguments parse_arguments(const std::vector<std::string>& args) {
  Arguments result;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& word = args[i];
    if (word.empty() || word[0] != '-') {
      result.request.overrides.push_back(word);
      continue;
    }
    const std::string flag = word.substr(0, word.find('='));
    if (flag == "--config-dir" || flag == "-cd") result.request.config_dirs.push_back(flag_value(args, i));
    else if (flag == "--config-name" || flag == "-cn") result.request.config_name = flag_value(args, i);
    else if (flag == "--format") result.format = flag_value(args, i);
    else if (flag == "--package" || flag == "-p") result.package = flag_value(args, i);
    else if (flag == "--cfg" || flag == "-c") result.cfg = flag_value(args, i);
    else if (flag == "--info") result.info = flag_value(args, i);
    else if (flag == "--resolve") result.resolve = true;
    else if (flag == "--multirun" || flag == "-m") result.request.multirun = true;
    else if (flag == "--help" || flag == "-h") result.help = true;
    else {
      refuse("There is no flag '" + word + "'." +
                 did_you_mean(flag, {"--config-dir", "--config-name", "--format", "--package", "--cfg", "--info",
                                     "--resolve", "--multirun", "--help"}),
             "See scalselect compose --help.");
    }
  }
  one_of("--format", result.format, {"yaml", "json"});
  one_of("--cfg", result.cfg, {"job", "hydra", "all"});
  if (!result.info.empty()) one_of("--info", result.info, {"defaults", "defaults-tree"});
  return result;
}

/// The chosen part of the configuration.
Value select_part(const ComposedConfig& config, const std::string& what, bool resolved, const std::string& package) {
  Value tree = config.config;
  if (what == "hydra") {
    tree = Value::map();
    tree.set("hydra", config.hydra);
  } else if (what == "all") {
    tree.set("hydra", config.hydra);
  }
  const bool part = !package.empty() && package != "_global_";
  if (resolved && !part) return resolve(tree, config.context);
  if (!part) return tree;
  if (resolved) {
    if (auto value = resolve_path(tree, package, config.context)) return *value;
  } else if (const Value* node = find_path(tree, package)) {
    return *node;
  }
  refuse("package '" + package + "' not found in config");
}

void draw_tree(const DefaultsTree& tree, std::size_t depth, std::string& out) {
  out += std::string(depth * 2, ' ') + tree.label + (tree.children.empty() ? "" : ":") + "\n";
  for (const auto& child : tree.children) draw_tree(child, depth + 1, out);
}

std::string defaults_table(const ComposedConfig& config) {
  std::vector<std::array<std::string, 4>> rows{{"Config path", "Package", "_self_", "Parent"}};
  for (const auto& entry : config.defaults) {
    rows.push_back({entry.config_path, entry.package, entry.is_self ? "True" : "False", entry.parent});
  }
  std::array<std::size_t, 4> widths{};
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string out;
  std::size_t line_width = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line = "|";
    for (std::size_t c = 0; c < rows[r].size(); ++c) {
      line += " " + rows[r][c] + std::string(widths[c] - rows[r][c].size(), ' ') + " |";
    }
    line_width = line.size();
    out += line + "\n";
    if (r == 0) out += std::string(line_width, '-') + "\n";
  }
  return out + std::string(line_width, '-') + "\n";
}

void print_jobs(const ComposeRequest& request, std::ostream& out) {
  const auto jobs = multirun_jobs(request);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    out << '#' << i << " :";
    for (const auto& word : jobs[i]) out << ' ' << word;
    out << '\n';
  }
}

void run(const Arguments& arguments, std::ostream& out) {
  if (arguments.request.config_dirs.empty()) {
    if (arguments.help) {
      out << kUsage;
      return;
    }
    refuse("No folder of configurations is given.", "Add --config-dir DIR.");
  }
  if (arguments.request.multirun) return print_jobs(arguments.request, out);
  const ComposedConfig config = compose(arguments.request);
  if (arguments.help) {
    out << kUsage << '\n' << help_text(arguments.request, config);
  } else if (!arguments.info.empty()) {
    out << info_text(config, arguments.info);
  } else if (arguments.format == "json") {
    out << json_line(select_part(config, arguments.cfg, arguments.resolve, arguments.package));
  } else {
    out << cfg_text(config, arguments.cfg, arguments.resolve, arguments.package);
  }
}

}  // namespace

std::string cfg_text(const ComposedConfig& config, const std::string& what, bool resolve, const std::string& package) {
  const Value part = select_part(config, what, resolve, package);
  if (!part.is_container()) return python_str(part) + "\n";
  const bool headed = !package.empty() && package != "_global_";
  return (headed ? "# @package " + package + "\n" : "") + to_yaml(part);
}

std::string info_text(const ComposedConfig& config, const std::string& what) {
  if (what == "defaults") return defaults_table(config);
  std::string out;
  draw_tree(config.tree, 0, out);
  return out;
}

std::string help_text(const ComposeRequest& request, const ComposedConfig& config) {
  std::string out = "== Configuration groups ==\nCompose your configuration from those groups (group=option)\n\n";
  for (const auto& [group, options] : list_groups(request)) {
    std::string line = group + ":";
    for (const auto& option : options) line += (line.ends_with(":") ? " " : ", ") + option;
    out += line + "\n";
  }
  return out + "\n== Config ==\nOverride anything in the config (foo.bar=value)\n\n" + to_yaml(config.config);
}

int run_compose_command(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  try {
    run(parse_arguments(args), out);
    return 0;
  } catch (const UserError& error) {
    err << error.problem() << '\n';
    if (!error.remedy().empty()) err << error.remedy() << '\n';
    return exit_code(error.kind());
  }
}

}  // namespace scalselect::config
