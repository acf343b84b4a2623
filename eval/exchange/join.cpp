#include "eval/exchange/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "core/error.h"
#include "eval/text.h"

namespace scalselect::eval {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::int64_t kRotationStep = 1'000'000;  // as in MMBench's file: index = question + round * step

/// Words with one blank between them: harnesses strip, join and break lines in their own ways.
std::string words_of(const std::string& text) {
  std::string joined;
  for (const auto& word : split_words(text)) joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

/// Without the request that MME's questions end with: LLaVA and lmms-eval put another in its place.
std::string asked_by(const std::string& question) {
  static const std::string request = "Please answer yes or no.";
  auto text = words_of(question);
  if (text.ends_with(request)) text.resize(text.size() - request.size());
  return strip(text);
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Why `answer` cannot be one to `question`, by what its file says; empty if it can.
std::string contradiction(const Question& question, const ForeignAnswer& answer) {
  const auto expected = asked_by(question.question);
  const auto differs = [&](const std::string& theirs) {
    return fmt::format("was given to '{}', but the benchmark asks '{}'", theirs.substr(0, 100),
                       expected.substr(0, 100));
  };
  if (!answer.question.empty() && asked_by(answer.question) != expected) return differs(asked_by(answer.question));
  if (!answer.prompt.empty()) {
    const auto prompt = words_of(answer.prompt);
    if (!holds(prompt, expected)) return differs(prompt);
    std::size_t at = prompt.find(expected) + expected.size();  // in their order: rotations ask the same otherwise
    for (const auto& option : question.options) {
      const auto text = words_of(option.text);
      at = prompt.find(text, at);
      if (at == std::string::npos) return differs(prompt);
      at += text.size();
    }
  }
  for (const auto& [label, text] : answer.options) {
    const auto own = std::find_if(question.options.begin(), question.options.end(),
                                  [&](const Option& option) { return option.label == label; });
    if (own == question.options.end()) continue;  // a missing value, as the benchmark's reader takes it
    if (words_of(own->text) != words_of(text))
      return fmt::format("has the option {} '{}', but the benchmark's is '{}'", label, text, own->text);
  }
  const auto gold = question.answers.empty() ? std::string() : question.answers.front();
  const bool one_word = !question.options.empty() || gold == "yes" || gold == "no";
  if (one_word && !answer.target.empty() && lower(strip(answer.target)) != lower(gold)) {
    return fmt::format("expects '{}', but the benchmark's answer is '{}'", answer.target, gold);
  }
  return {};
}

/// Which question each answer belongs to, by one way of finding it.
struct Match {
  std::string key;
  std::vector<std::size_t> question_of;  ///< of each answer; kNone
  std::size_t found = 0;
  std::string problem;  ///< why this way does not do; empty if it does
};

/// Fills `found` and `problem` of a match.
Match checked(Match match, const std::vector<Question>& questions, const ForeignAnswers& file) {
  std::unordered_map<std::size_t, std::size_t> first;  // question -> its answer
  for (std::size_t i = 0; i < file.answers.size(); ++i) {
    const auto at = match.question_of[i];
    if (at == kNone) continue;
    ++match.found;
    const auto& answer = file.answers[i];
    auto problem = contradiction(questions[at], answer);
    if (const auto [place, added] = first.emplace(at, i); !added && problem.empty()) {
      problem =
          fmt::format("answers question '{}' again, after {}", questions[at].id, file.answers[place->second].where);
    }
    if (match.problem.empty() && !problem.empty()) match.problem = fmt::format("{} {}", answer.where, problem);
  }
  return match;
}

std::string id_of(const ForeignAnswer& answer) {
  std::int64_t index = 0;
  const auto* const end = answer.id.data() + answer.id.size();
  if (answer.round == 0 || std::from_chars(answer.id.data(), end, index).ptr != end) return answer.id;
  return std::to_string(index + answer.round * kRotationStep);
}

Match by_id(const std::vector<Question>& questions, const ForeignAnswers& file) {
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < questions.size(); ++i) places.emplace(questions[i].id, i);
  Match match{"id", {}, 0, {}};
  for (const auto& answer : file.answers) {
    const auto found = answer.id.empty() ? places.end() : places.find(id_of(answer));
    match.question_of.push_back(found == places.end() ? kNone : found->second);
  }
  return match;
}

/// By what several questions share, MME's image, and among them by the text.
Match by_group(const std::vector<Question>& questions, const ForeignAnswers& file) {
  std::unordered_map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < questions.size(); ++i) groups[questions[i].group].push_back(i);
  Match match{"image and text", {}, 0, {}};
  for (const auto& answer : file.answers) {
    auto at = kNone;
    const auto group = groups.find(answer.id);
    const bool asked = !answer.prompt.empty() || !answer.question.empty();
    if (group != groups.end() && (asked || group->second.size() == 1)) {
      for (const auto member : group->second) {
        if (contradiction(questions[member], answer).empty()) at = member;
      }
    }
    match.question_of.push_back(at);
  }
  return match;
}

Match by_position(const Loaded& loaded, const ForeignAnswers& file) {
  std::vector<std::size_t> at_place(loaded.questions.size() + loaded.unusable.size(), 0);  // of the file's rows
  for (const auto& question : loaded.unusable) {
    const auto place = static_cast<std::size_t>(question.place);
    if (place < at_place.size()) at_place[place] = kNone;  // a shortened benchmark has places beyond
  }
  std::size_t next = 0;
  for (auto& question : at_place) {
    if (question != kNone) question = next++;
  }
  Match match{"position", {}, 0, {}};
  for (const auto& answer : file.answers) {
    const bool asked = !answer.prompt.empty() || !answer.question.empty();
    const auto place = static_cast<std::size_t>(answer.position);
    const bool known = asked && answer.position >= 0 && place < at_place.size() && at_place[place] < next;
    match.question_of.push_back(known ? at_place[place] : kNone);
  }
  return match;
}

Match best_match(const std::string& benchmark, const Loaded& loaded, const ForeignAnswers& file) {
  const auto& questions = loaded.questions;
  std::vector<Match> tried = {checked(by_id(questions, file), questions, file),
                              checked(by_group(questions, file), questions, file)};
  if (file.ordered) tried.push_back(checked(by_position(loaded, file), questions, file));
  // A way that finds fewer answers than one that met a contradiction has only left out what contradicts.
  std::size_t most = 0;
  for (auto& match : tried) {
    if (match.found > 0 && match.problem.empty() && match.found >= most) return std::move(match);
    most = std::max(most, match.found);
  }
  for (const auto& match : tried) {
    if (match.problem.empty()) continue;
    throw UserError(ErrorKind::kInput, match.problem,
                    fmt::format("Is `path` the file (and the revision) of '{}' that was answered?", benchmark));
  }
  throw UserError(
      ErrorKind::kInput,
      fmt::format("{}: none of its {} answers belongs to a question of '{}' (the first has the id '{}', the "
                  "benchmark's first is '{}')",
                  file.file, file.answers.size(), benchmark, file.answers.front().id, questions.front().id),
      "Give as `path` the benchmark's file that the harness itself read.");
}

}  // namespace

Joined join_answers(const Benchmark& benchmark, const Loaded& loaded, const ForeignAnswers& answers) {
  const auto& questions = loaded.questions;
  const auto match = best_match(benchmark.name(), loaded, answers);
  std::set<std::string> spoilt;  // ids
  for (const auto& question : loaded.unusable) spoilt.insert(question.id);
  std::vector<const ForeignAnswer*> of_question(questions.size(), nullptr);
  Joined joined;
  joined.key = match.key;
  joined.checked = true;
  for (std::size_t i = 0; i < answers.answers.size(); ++i) {
    const auto& answer = answers.answers[i];
    if (match.question_of[i] == kNone) {
      auto& list = spoilt.contains(id_of(answer)) ? joined.unusable : joined.strangers;
      list.push_back(answer.id.empty() ? answer.where : fmt::format("{} ('{}')", answer.where, answer.id));
      continue;
    }
    of_question[match.question_of[i]] = &answer;
    if (answer.question.empty() && answer.prompt.empty()) joined.checked = false;
  }
  std::set<std::string> broken;  // groups that lack an answer
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (of_question[i] != nullptr) continue;
    joined.unanswered.push_back(questions[i].id);
    broken.insert(questions[i].group);
  }
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (of_question[i] == nullptr) continue;
    if (broken.contains(questions[i].group)) {
      joined.incomplete.push_back(questions[i].id);
      continue;
    }
    joined.predictions.push_back({questions[i], of_question[i]->text});
    joined.predictions.back().question.prompt = of_question[i]->prompt;
    joined.sources.push_back(of_question[i]);
  }
  if (joined.predictions.empty()) {
    throw UserError(
        ErrorKind::kInput,
        fmt::format("{}: no group of questions of '{}' is answered completely", answers.file, benchmark.name()),
        "All rotations of a question, or both questions of an image, are scored together.");
  }
  return joined;
}

}  // namespace scalselect::eval
