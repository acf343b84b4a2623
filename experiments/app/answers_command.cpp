// answers: what the model of one run said to each question.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "core/store.h"
#include "experiments/app/plain_words.h"
#include "experiments/report/collect.h"

namespace scalselect::app {
namespace {

/// limit=N, a number of questions per benchmark; 0, all of them, where it is not given.
std::int64_t limit_of(const PlainWords& asked) {
  const auto text = asked.value("limit", "0");
  std::int64_t limit = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), limit);
  const bool whole = code == std::errc() && end == text.data() + text.size();
  if (!whole || limit < 0 || (limit == 0 && asked.values.contains("limit"))) {
    refuse_plain("answers", fmt::format("'limit={}' is not a number of questions.", text));
  }
  return limit;
}

void print(const eval::Rescored& rescored, const std::vector<std::string>& responses, bool wrong, std::int64_t limit) {
  std::int64_t right = 0, printed = 0;
  for (const auto& outcome : rescored.outcomes) right += outcome.score > 0;
  fmt::print("{}: {} of {} answers right\n", rescored.scores.name, right, rescored.questions.size());
  for (std::size_t i = 0; i < rescored.questions.size(); ++i) {
    const auto& question = rescored.questions[i];
    const auto& outcome = rescored.outcomes[i];
    if (wrong && outcome.score > 0) continue;
    if (limit > 0 && printed++ >= limit) return;
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
  const auto asked = parse_plain("answers", words, 1);
  if (asked.names.empty()) refuse_plain("answers", "`answers` needs a run id; `scalselect runs` lists them.");
  const auto wrong = asked.value("wrong", "false"), benchmark = asked.value("benchmark");
  if (wrong != "true" && wrong != "false")
    refuse_plain("answers", fmt::format("'wrong={}' is not true or false.", wrong));
  const auto limit = limit_of(asked);
  const Store store(asked.store(), Store::Mode::kReadOnly);
  const auto run = store.run(asked.names[0]);
  const auto all = report::answers_of(store, run);
  Words names;
  for (const auto& answers : all) names.push_back(answers.rescored.scores.name);
  if (all.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("Run {} ({}) has no answers yet.", run.id, run.name),
                    "Let it run to its end: stop_after=metrics.");
  }
  bool found = false;
  for (const auto& answers : all) {
    if (!benchmark.empty() && answers.rescored.scores.name != benchmark) continue;
    if (found) fmt::print("\n");
    print(answers.rescored, answers.responses, wrong == "true", limit);
    found = true;
  }
  if (!found) {
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("Run {} was not asked benchmark '{}'.{}", run.id, benchmark, did_you_mean(benchmark, names)),
        fmt::format("It answered {}.", fmt::join(names, ", ")));
  }
  return 0;
}

}  // namespace scalselect::app
