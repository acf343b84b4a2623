// eval: which verb is meant.
#include "experiments/app/eval_command.h"

#include <fmt/format.h>

#include <map>

#include "core/error.h"

namespace scalselect::app {
namespace {

// One line per verb.
const std::map<std::string, int (*)(const Words&)>& verbs() {
  static const std::map<std::string, int (*)(const Words&)> table = {
      {"answer", eval_answer}, {"diff", eval_diff},       {"export", eval_export},
      {"import", eval_import}, {"rescore", eval_rescore}, {"template", eval_template},
  };
  return table;
}

}  // namespace

std::set<std::string> eval_verbs() {
  std::set<std::string> names;
  for (const auto& [name, run] : verbs()) names.insert(name);
  return names;
}

int run_eval(const Words& words) {
  if (words.empty() || is_override_or_flag(words[0])) return eval_answer(words);
  if (const auto verb = verbs().find(words[0]); verb != verbs().end())
    return verb->second({words.begin() + 1, words.end()});
  const auto names = eval_verbs();
  throw UserError(
      ErrorKind::kUsage,
      fmt::format("`eval` does not know '{}'.{}", words[0], did_you_mean(words[0], Words(names.begin(), names.end()))),
      std::string("Usage: ") + kEvalUsage);
}

}  // namespace scalselect::app
