// eval: which verb is meant.
#include "experiments/app/eval_command.h"

#include <fmt/format.h>

#include <map>

#include "core/error.h"

namespace scalselect::app {

int run_eval(const Words& words) {
  static const std::map<std::string, int (*)(const Words&)> verbs = {{"answer", eval_answer},
                                                                     {"template", eval_template}};
  const bool named = !words.empty() && words[0].find_first_of("=-+~") == std::string::npos;
  if (!named) return eval_answer(words);
  if (const auto verb = verbs.find(words[0]); verb != verbs.end())
    return verb->second({words.begin() + 1, words.end()});
  Words names;
  for (const auto& [name, run] : verbs) names.push_back(name);
  throw UserError(ErrorKind::kUsage,
                  fmt::format("`eval` does not know '{}'.{}", words[0], did_you_mean(words[0], names)),
                  std::string("Usage: ") + kEvalUsage);
}

}  // namespace scalselect::app
