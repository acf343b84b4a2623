// Completion in the shell: commands, flags, groups, their options, and the keys of the composed configuration.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "baselines/registry.h"
#include "core/error.h"
#include "experiments/app/eval_command.h"
#include "experiments/app/plain_words.h"

namespace scalselect::app {
namespace {

// bash cuts words at '=', so the script gives the program the whole word and takes off what bash keeps.
constexpr char kBash[] =
    R"sh(# bash completion for scalselect: put  source <(scalselect --completion bash)  into ~/.bashrc
_scalselect() {
  local line="${COMP_LINE:0:COMP_POINT}" word words
  word="${line##* }"
  read -ra words <<< "$line"
  mapfile -t COMPREPLY < <("$1" _complete "${words[@]:1}" ${word:+--partial} 2>/dev/null)
  [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *[=./] ]] || compopt -o nospace
  [[ $word != *=* || $COMP_WORDBREAKS != *=* ]] || COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}")
}
complete -o default -F _scalselect scalselect
)sh";

/// The primary configuration of a command, or an empty name where there is none.
std::string config_of(const Words& words) {
  static const std::map<std::string, std::string> commands = {{"extract", "extract"}, {"score", "score"},
                                                              {"select", "select"},   {"generate", "generate"},
                                                              {"run", "config"},      {"plan", "config"}};
  if (words.empty()) return "config";
  if (words[0] == "model") return words.size() > 1 && words[1] == "assemble" ? "model_assemble" : "";
  if (words[0] == "eval") return words.size() > 1 && is_eval_verb(words[1]) && words[1] != "answer" ? "" : "eval";
  if (words[0] == "score" && words.size() > 1 && plain_commands().contains("score " + words[1])) return "";
  if (words[0] == "handover") return words.size() > 1 && words[1] == "check" ? "handover_check" : "";
  if (words[0] == "mini")
    return words.size() > 1 && (words[1] == "world" || words[1] == "pretrain") ? "mini_" + words[1] : "";
  if (const auto found = commands.find(words[0]); found != commands.end()) return found->second;
  return is_override_or_flag(words[0]) ? "config" : "";
}

/// Keys below `value`, each up to the next dot after what has been typed: "trainer." first, then "trainer.epochs=".
void add_keys(const config::Value& value, const std::string& path, std::size_t typed, std::set<std::string>& out) {
  if (!value.is_map() || value.entries().empty()) {
    const auto dot = path.find('.', typed);
    out.insert(dot == std::string::npos ? path + "=" : path.substr(0, dot + 1));
    return;
  }
  for (const auto& [key, child] : value.entries()) {
    const auto name = key.is_string() ? key.as_string() : std::string();
    if (!name.empty()) add_keys(child, path.empty() ? name : path + "." + name, typed, out);
  }
}

/// Options of the group before '=', after what is typed of a list ("a,b") and of a folder ("mini/").
std::set<std::string> values_for(const config::ComposeRequest& request, const std::string& word, std::size_t equals) {
  const auto begin = word.find_last_of("=,/") + 1;
  std::string group = word.substr(0, equals);
  const auto value = word.substr(0, begin).find_last_of("=,") + 1;
  if (begin > value) group += "/" + word.substr(value, begin - value - 1);
  std::set<std::string> out;
  const auto options = config::group_options(request, group);
  for (const auto& option : options) {
    const bool folder = !config::group_options(request, group + "/" + option).empty();
    const bool both = std::count(options.begin(), options.end(), option) > 1;
    if (folder) out.insert(word.substr(0, begin) + option + "/");
    if (!folder || both) out.insert(word.substr(0, begin) + option);
  }
  return out;
}

/// The command's request with the flags and settings of the words before; without them if they are not understood.
config::ComposeRequest request_before(const std::string& name, const Words& before) {
  const auto first = std::find_if(before.begin(), before.end(), [](const std::string& word) {
    return word.starts_with('-') || word.find('=') != std::string::npos;
  });
  try {
    auto request = request_for(parse_flags({first, before.end()}), name);
    request.multirun = true;  // sweeps complete, too
    config::compose(request);
    return request;
  } catch (const UserError&) {
    return request_for({}, name);
  }
}

/// What may stand where `word` is being typed after `before`, for a command with configuration `name`.
std::set<std::string> words_for(const std::string& name, const Words& before, const std::string& word) {
  std::set<std::string> out;
  const auto request = request_before(name, before);
  const auto equals = word.find('=');
  if (equals != std::string::npos) return values_for(request, word, equals);
  for (const auto& flag : known_flags()) out.insert(flag);
  const auto composed = config::compose(request);
  for (const auto& [group, option] : composed.choices) out.insert(group + "=");
  add_keys(composed.config, "", word.size(), out);
  return out;
}

/// Words after `before`, of a command that composes no configuration, or the verbs of one that composes one per verb.
std::set<std::string> plain_words(const Words& before) {
  auto command = before[0];
  if (before.size() > 1 && plain_commands().contains(command + " " + before[1])) command += " " + before[1];
  if (command == "model") return {"assemble"};
  if (command == "handover") return {"check"};
  if (command == "eval") return eval_verbs();
  if (command == "score") return {"apply", "merge", "part"};
  if (command == "mini") return {"pretrain", "probes", "sheet", "world"};
  const auto found = plain_commands().find(command);
  if (found == plain_commands().end()) return {};
  auto words = found->second.flags;
  words.insert(found->second.verbs.begin(), found->second.verbs.end());
  for (const auto& key : found->second.keys) words.insert(key + "=");
  return words;
}

}  // namespace

int print_completion(const Words& words) {
  if (words != Words{"bash"}) {
    throw UserError(ErrorKind::kUsage, "`--completion` knows bash only.", "Usage: scalselect --completion bash");
  }
  fmt::print("{}", kBash);
  return 0;
}

int complete_words(const Words& words) {
  Words before = words;
  std::string word;
  if (!before.empty() && before.back() == "--partial") {
    before.pop_back();
    word = before.back();
    before.pop_back();
  }
  try {
    std::set<std::string> candidates;
    if (const auto name = config_of(before); !name.empty()) candidates = words_for(name, before, word);
    if (before.empty()) {
      for (const auto& command : command_names()) candidates.insert(command);
    } else {
      candidates.merge(plain_words(before));
      if (before[0] == "methods") {
        for (const auto& entry : methods()) candidates.insert(entry.name);
      }
    }
    for (const auto& candidate : candidates) {
      if (candidate.starts_with(word)) fmt::print("{}\n", candidate);
    }
  } catch (const std::exception&) {
    return 1;  // a shell does not show messages while it completes
  }
  return 0;
}

}  // namespace scalselect::app
