#include "experiments/schema/keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "baselines/registry.h"
#include "experiments/config/text.h"
#include "experiments/pipeline/run_config.h"
#include "experiments/schema/command_options.h"
#include "trainer/pretrain/options.h"

namespace scalselect::schema {
namespace {

using config::Value;

/// Descriptions of keys; of those with the same name the first counts.
using Docs = std::vector<OptionDoc>;

Docs with(Docs docs, const Docs& more, const std::string& prefix = {}) {
  for (auto doc : more) {
    doc.name = prefix + doc.name;
    docs.push_back(std::move(doc));
  }
  return docs;
}

/// Keys that are read without a struct.
const OptionDoc kBudget{"budget", "a number", "", "share of the pool (0, 1], or a number of samples"};
const OptionDoc kBudgets{"budget", "a number or a list", "", kBudget.help + "; a list writes one subset for each"};
const OptionDoc kOutFolder{"out", "a string", "", "the folder to write"};

Docs own_keys(const std::string& command) {
  if (command == "extract") return document_options<ExtractOptions>();
  if (command == "score") return document_options<ScoreOptions>();
  if (command == "select") return with(document_options<SelectOptions>(), {kBudgets});
  if (command == "generate") {
    return with(document_options<GenerateOptions>(),
                {{"prompt", "a string", "", "the question, used as given; one placeholder per image goes before it"},
                 {"image", "a string or a list", "", "image file, or a list of files"}});
  }
  if (command == "eval") return document_options<EvalCommandOptions>();
  if (command == "model_assemble") return document_options<AssembleOptions>();
  if (command == "handover_check") return document_options<HandoverCheckOptions>();
  if (command == "mini_world") return {kOutFolder};
  if (command == "mini_pretrain") {
    const Docs own = {kOutFolder, {"pretrain", "a mapping", "", "sizes of the model, and the stages"}};
    return with(own, document_options<pretrain::PretrainOptions>(), "pretrain.");
  }
  return with(document_options<pipeline::RunSettings>(), {kBudget});
}

struct Group {
  const char* name;
  const char* help;
  Docs (*options)();
};

const Group kGroups[] = {
    {"model", "the model that looks at the samples", document_options<pipeline::ModelOptions>},
    {"pool", "the samples to choose from", document_options<inputs::PoolOptions>},
    {"target", "samples of what the model should be good at, for methods that choose by a target",
     document_options<inputs::PoolOptions>},
    {"selector", "how token roles are read: strict, or as the authors' code does",
     [] {
       return Docs{{"roles", "strict | compat", "strict", "token roles, for method.roles"}};
     }},
    {"method", "how samples are chosen; `scalselect methods` describes each", nullptr},
    {"trainer", "the recipe of the fine-tuning", document_options<trainer::TrainOptions>},
    {"eval", "the benchmarks", document_options<pipeline::EvalOptions>},
    {"launcher", "where trainings run", document_options<launchers::LauncherOptions>},
    {"experiment", "settings and sweeps under one name", nullptr},
};

Docs docs_for(const std::string& command, const config::ComposedConfig& composed) {
  Docs docs = own_keys(command);
  docs.push_back(
      {"target.path", "a string or null", "", "pool file; its samples' `source` names their task; null: no target"});
  for (const auto& group : kGroups) {
    docs.push_back({group.name, "a mapping", "", group.help});
    if (group.options) docs = with(std::move(docs), group.options(), group.name + std::string("."));
  }
  const Value* method = config::find_path(composed.config, "method.name");
  docs.push_back({"method.name", "a string", "", "the method's name in the registry"});
  if (method && method->is_string()) {
    for (const auto& entry : methods()) {
      if (entry.name == method->as_string()) docs = with(std::move(docs), entry.options, "method.");
    }
  }
  return docs;
}

/// A value as it would be typed.
std::string value_text(const Value& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  const bool rows = value.is_list() && std::any_of(value.items().begin(), value.items().end(),
                                                   [](const Value& item) { return item.is_container(); });
  if (rows) return fmt::format("[{} entries]", value.size());
  return value.is_container() ? config::json_line(value) : config::python_str(value);
}

void walk(const Value& node, const std::string& path, const Docs& docs, std::vector<KeyDoc>& out) {
  const auto doc = std::find_if(docs.begin(), docs.end(), [&](const OptionDoc& d) { return d.name == path; });
  const bool known = doc != docs.end();
  const bool group = node.is_map() && node.size() > 0;
  if (!path.empty()) {
    out.push_back({path, group ? "" : value_text(node), known ? doc->type : "", known ? doc->help : "", group});
    for (const auto& field : docs) {  // of the elements of a list
      if (field.name.starts_with(path + ".N.")) out.push_back({field.name, "", field.type, field.help, false});
    }
  }
  if (!group) return;
  for (const auto& [key, child] : node.entries()) {
    walk(child, config::join_path(path, config::python_str(key)), docs, out);
  }
}

constexpr std::size_t kColumn = 40, kWidth = 116;

/// `left` and, from kColumn on, `right` in lines of kWidth.
std::string two_columns(const std::string& left, const std::string& right) {
  std::string out = "  " + left, line;
  const auto flush = [&] {
    const auto used = out.size() - (out.rfind('\n') + 1);
    if (used + 2 > kColumn) out += "\n" + std::string(kColumn, ' ');
    else out += std::string(kColumn - used, ' ');
    out += line;
    line.clear();
  };
  std::size_t begin = 0;
  while (begin < right.size()) {
    const auto end = std::min(right.find(' ', begin), right.size());
    if (!line.empty() && kColumn + line.size() + 1 + end - begin > kWidth) flush();
    line += (line.empty() ? "" : " ") + right.substr(begin, end - begin);
    begin = end + 1;
  }
  if (!line.empty()) flush();
  return out + "\n";
}

std::string row(const KeyDoc& key) {
  const bool says_values = key.type.find(" | ") != std::string::npos;
  const std::string help = says_values ? fmt::format("{} ({})", key.help, key.type) : key.help;
  if (key.group) return two_columns(key.name + ":", help);
  return two_columns(key.value.empty() ? key.name : key.name + "=" + key.value, help);
}

}  // namespace

bool is_setting(const std::string& name) {
  const auto named = [&](const auto& item) { return item.name == name; };
  if (std::any_of(std::begin(kGroups), std::end(kGroups), named)) return true;
  for (const auto* command :
       {"config", "extract", "score", "select", "generate", "eval", "model_assemble", "handover_check"}) {
    const auto keys = own_keys(command);
    if (std::any_of(keys.begin(), keys.end(), named)) return true;
  }
  return false;
}

std::vector<KeyDoc> describe_keys(const std::string& command, const config::ComposedConfig& composed) {
  std::vector<KeyDoc> keys;
  walk(composed.config, "", docs_for(command, composed), keys);
  return keys;
}

std::string help_text(const std::string& command, const config::ComposeRequest& request,
                      const config::ComposedConfig& composed) {
  std::string out;
  if (!composed.choices.empty()) out += "Groups (GROUP=OPTION chooses one):\n";
  for (const auto& [group, option] : composed.choices) {
    const auto name = group.substr(0, group.find('@'));
    const auto options = config::group_options(request, name, /*below=*/true);
    out += two_columns(group + "=" + option, fmt::format("of: {}", fmt::join(options, ", ")));
  }
  out += std::string(out.empty() ? "" : "\n") + "Keys (KEY=VALUE sets one; shown with the value that it has now):\n";
  for (const auto& key : describe_keys(command, composed)) out += row(key);
  return out;
}

}  // namespace scalselect::schema
