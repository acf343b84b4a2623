// answers: what the model of one run said to each question.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "core/store.h"
#include "experiments/app/commands.h"
#include "experiments/report/collect.h"

namespace scalselect::app {
namespace {

struct Asked {
  std::string store = "results/local/results.sqlite", id, benchmark;
  bool wrong = false;
  std::int64_t limit = 0;  ///< questions of a benchmark; 0: all
};

Asked parse(const Words& words) {
  const std::string usage = std::string("Usage: ") + kAnswersUsage;
  Asked asked;
  for (const auto& word : words) {
    const auto value = word.substr(word.find('=') + 1);
    bool good = true;
    if (word.starts_with("store=")) asked.store = value;
    else if (word.starts_with("benchmark=")) asked.benchmark = value;
    else if (word == "wrong=true" || word == "wrong=false") asked.wrong = value == "true";
    else if (word.starts_with("limit=")) {
      const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), asked.limit);
      good = code == std::errc() && end == value.data() + value.size() && asked.limit > 0;
    } else if (asked.id.empty() && !word.empty() && word[0] != '-' && word.find('=') == std::string::npos)
      asked.id = word;
    else good = false;
    if (!good) throw UserError(ErrorKind::kUsage, fmt::format("'{}' is not understood here.", word), usage);
  }
  if (asked.id.empty())
    throw UserError(ErrorKind::kUsage, "`answers` needs one run id; `scalselect runs` lists them.", usage);
  return asked;
}

void print(const eval::Rescored& rescored, const std::vector<std::string>& responses, const Asked& asked) {
  std::int64_t right = 0, printed = 0;
  for (const auto& outcome : rescored.outcomes) right += outcome.score > 0;
  fmt::print("{}: {} of {} answers right\n", rescored.scores.name, right, rescored.questions.size());
  for (std::size_t i = 0; i < rescored.questions.size(); ++i) {
    const auto& question = rescored.questions[i];
    const auto& outcome = rescored.outcomes[i];
    if (asked.wrong && outcome.score > 0) continue;
    if (asked.limit > 0 && printed++ >= asked.limit) return;
    fmt::print("\n{} {}{}\n  images    {}\n  prompt    {}\n  expected  {}\n  answered  {}\n  read as   {}\n",
               outcome.score > 0 ? "right" : "WRONG", question.id,
               question.skill.empty() ? "" : " (" + question.skill + ")", fmt::join(question.image_names, ", "),
               nlohmann::json(question.prompt).dump(), fmt::join(question.answers, " | "),
               nlohmann::json(responses[i]).dump(),
               outcome.parsed.value.empty() ? "nothing: no rule could read it" : outcome.parsed.value);
  }
}

}  // namespace

int print_answers(const Words& words) {
  const auto asked = parse(words);
  const Store store(asked.store, Store::Mode::kReadOnly);
  const auto run = store.run(asked.id);
  const auto all = report::answers_of(store, run);
  Words names;
  for (const auto& answers : all) names.push_back(answers.rescored.scores.name);
  if (all.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("Run {} ({}) has no answers yet.", run.id, run.name),
                    "Let it run to its end: stop_after=metrics.");
  }
  bool found = false;
  for (const auto& answers : all) {
    if (!asked.benchmark.empty() && answers.rescored.scores.name != asked.benchmark) continue;
    if (found) fmt::print("\n");
    print(answers.rescored, answers.responses, asked);
    found = true;
  }
  if (!found) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("Run {} was not asked benchmark '{}'.{}", run.id, asked.benchmark,
                                did_you_mean(asked.benchmark, names)),
                    fmt::format("It answered {}.", fmt::join(names, ", ")));
  }
  return 0;
}

}  // namespace scalselect::app
