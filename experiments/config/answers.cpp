#include "experiments/config/answers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "experiments/config/refuse.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

void check_word(const char* flag, const std::string& word, std::initializer_list<const char*> known) {
  if (std::find(known.begin(), known.end(), word) != known.end()) return;
  refuse(fmt::format("The flag {} takes one of {}, not '{}'.", flag, fmt::join(known, ", "), word));
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
  if (package.empty() || package == "_global_") return resolved ? resolve(tree, config.context) : tree;
  if (resolved) {
    if (auto value = resolve_path(tree, package, config.context)) return *value;
  } else if (const Value* node = find_path(tree, package)) {
    return *node;
  }
  refuse("package '" + package + "' not found in config");
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
  std::string out, rule;
  for (const auto& row : rows) {
    std::string line = "|";
    for (std::size_t c = 0; c < row.size(); ++c) line += fmt::format(" {:{}} |", row[c], widths[c]);
    rule = std::string(line.size(), '-') + "\n";
    out += line + "\n" + (&row == &rows[0] ? rule : "");
  }
  return out + rule;
}

}  // namespace

std::string cfg_text(const ComposedConfig& config, const std::string& what, bool resolve, const std::string& package,
                     const std::string& format) {
  check_word("--cfg", what, {"job", "hydra", "all"});
  check_word("--format", format, {"yaml", "json"});
  const Value part = select_part(config, what, resolve, package);
  if (format == "json") return json_line(part) + "\n";
  if (!part.is_container()) return python_str(part) + "\n";
  const bool headed = !package.empty() && package != "_global_";
  return (headed ? "# @package " + package + "\n" : "") + to_yaml(part);
}

std::string info_text(const ComposedConfig& config, const std::string& what) {
  check_word("--info", what, {"defaults", "defaults-tree"});
  return what == "defaults" ? defaults_table(config) : config.defaults_tree;
}

}  // namespace scalselect::config
