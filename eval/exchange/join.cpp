#include "eval/exchange/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "core/error.h"
#include "eval/python_literal.h"
#include "eval/text.h"
#include "eval/tsv.h"
#include "eval/tsv_questions.h"

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

/// Where a prompt asks a question, or npos. lmms-eval capitalizes some, which leaves no other capital letter.
std::size_t place_in(const std::string& prompt, const std::string& question) {
  const auto place = prompt.find(question);
  return place == std::string::npos ? lower(prompt).find(lower(question)) : place;
}

/// The number that all of `text` is.
std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end && !text.empty() ? std::optional(value) : std::nullopt;
}

/// pandas makes 1.0 of a 1 in a column of numbers.
bool same_text(const std::string& theirs, const std::string& ours) {
  const auto a = words_of(theirs), b = words_of(ours);
  const auto number = number_of(a);
  return a == b || (number && number == number_of(b));
}

/// Why `answer` was given to other options; empty if the file does not tell.
std::string other_options(const Question& question, const ForeignAnswer& answer, PromptStyle style) {
  if (answer.options.empty() || question.options.empty()) return {};
  // What reads as missing is an option on neither side: which of them tables and readers leave out varies.
  const auto theirs = shown_options(answer.options, style), ours = shown_options(question.options, style);
  for (std::size_t i = 0; i < std::max(theirs.size(), ours.size()); ++i) {
    if (i == theirs.size()) return fmt::format("lacks the benchmark's option {} '{}'", ours[i].label, ours[i].text);
    if (i == ours.size())
      return fmt::format("has an option {} '{}', which the benchmark lacks", theirs[i].label, theirs[i].text);
    if (theirs[i].label == ours[i].label && same_text(theirs[i].text, ours[i].text)) continue;
    return fmt::format("has the option {} '{}', but the benchmark's is {} '{}'", theirs[i].label, theirs[i].text,
                       ours[i].label, ours[i].text);
  }
  return {};
}

/// Why `answer` was given to another question, by what its file says; empty if it was not.
std::string other_question(const Question& question, const ForeignAnswer& answer, PromptStyle style) {
  const auto expected = asked_by(question.question);
  const auto differs = [&](const std::string& theirs) {
    return fmt::format("was given to '{}', but the benchmark asks '{}'", theirs.substr(0, 100),
                       expected.substr(0, 100));
  };
  if (!answer.question.empty() && asked_by(answer.question) != expected) return differs(asked_by(answer.question));
  if (!answer.prompt.empty()) {
    const auto prompt = words_of(answer.prompt);
    std::size_t at = place_in(prompt, expected);
    if (at == std::string::npos) return differs(prompt);
    at += expected.size();  // the options in their order: rotations ask the same otherwise
    for (const auto& option : question.options) {
      const auto text = words_of(option.text);
      at = prompt.find(text, at);
      if (at == std::string::npos) {
        return fmt::format("was given to '{}', but the benchmark's option {} is '{}'", prompt.substr(0, 100),
                           option.label, text);
      }
      at += text.size();
    }
  }
  if (!is_missing_text(answer.hint) && !question.hint.empty() && !same_text(answer.hint, question.hint)) {
    return fmt::format("has the hint '{}', but the benchmark's is '{}'", answer.hint.substr(0, 100),
                       question.hint.substr(0, 100));
  }
  return other_options(question, answer, style);
}

std::string first_answer(const Question& question) {
  return question.answers.empty() ? std::string() : question.answers.front();
}

/// Whether a letter, or yes or no, is the answer.
bool is_closed(const Question& question) {
  const auto gold = first_answer(question);
  return !question.options.empty() || gold == "yes" || gold == "no";
}

/// Expected answers in a form and an order in which they can be compared.
std::vector<std::string> comparable(const std::vector<std::string>& answers) {
  std::vector<std::string> all;
  for (const auto& answer : answers) {
    const auto words = words_of(answer);
    const auto number = number_of(words);
    all.push_back(number ? fmt::format("{}", *number) : words);
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<std::string> listed_targets(const std::string& target) {
  try {
    return list_or_text(target);
  } catch (const std::invalid_argument&) {
    return {target};
  }
}

/// Whether the file expects other answers to an open question. One text may stand for several answers, if it is one.
bool expects_others(const Question& question, const ForeignAnswer& answer) {
  if (is_closed(question) || question.answers.empty() || answer.target.empty()) return false;
  const auto theirs = comparable(listed_targets(answer.target)), ours = comparable(question.answers);
  return theirs.size() == 1 ? !std::binary_search(ours.begin(), ours.end(), theirs[0]) : theirs != ours;
}

/// Why `answer` cannot be one to `question`, by what its file says; empty if it can.
std::string contradiction(const Question& question, const ForeignAnswer& answer, PromptStyle style) {
  if (auto other = other_question(question, answer, style); !other.empty()) return other;
  const auto gold = first_answer(question);
  if (is_closed(question) && !answer.target.empty() && lower(strip(answer.target)) != lower(gold)) {
    return fmt::format("expects '{}', but the benchmark's answer is '{}'", answer.target, gold);
  }
  return {};
}

/// Which question each answer belongs to, by one way of finding it.
struct Match {
  std::string key;
  std::vector<std::size_t> question_of = {};  ///< of each answer; kNone
  std::size_t found = 0;
  std::string contradiction = {};  ///< the first answer to another question, and why; empty if there is none
  std::string repeated = {};       ///< the first second answer to a question
};

/// Fills `found`, `contradiction` and `repeated` of a match.
Match checked(Match match, const std::vector<Question>& questions, const ForeignAnswers& file, PromptStyle style) {
  std::unordered_map<std::size_t, std::size_t> first;  // question -> its answer
  for (std::size_t i = 0; i < file.answers.size(); ++i) {
    const auto at = match.question_of[i];
    if (at == kNone) continue;
    ++match.found;
    const auto& answer = file.answers[i];
    const auto problem = contradiction(questions[at], answer, style);
    if (match.contradiction.empty() && !problem.empty())
      match.contradiction = fmt::format("{} {}", answer.where, problem);
    if (const auto [place, added] = first.emplace(at, i); !added && match.repeated.empty()) {
      match.repeated = fmt::format("{} answers question '{}' again, after {}", answer.where, questions[at].id,
                                   file.answers[place->second].where);
    }
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
  Match match{.key = "id"};
  for (const auto& answer : file.answers) {
    const auto found = answer.id.empty() ? places.end() : places.find(id_of(answer));
    match.question_of.push_back(found == places.end() ? kNone : found->second);
  }
  return match;
}

/// By what several questions share, MME's image, and among them by the text. An answer to none of them contradicts
/// them.
Match by_group(const std::vector<Question>& questions, const ForeignAnswers& file, PromptStyle style) {
  std::unordered_map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < questions.size(); ++i) groups[questions[i].group].push_back(i);
  Match match{.key = "image and text"};
  for (const auto& answer : file.answers) {
    const auto group = groups.find(answer.id);
    const bool asked = !answer.prompt.empty() || !answer.question.empty();
    if (group == groups.end() || (!asked && group->second.size() > 1)) {
      match.question_of.push_back(kNone);
      continue;
    }
    const auto& members = group->second;
    const auto same = std::find_if(members.begin(), members.end(), [&](std::size_t member) {
      return other_question(questions[member], answer, style).empty();
    });
    match.question_of.push_back(same == members.end() ? members.front() : *same);
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
  Match match{.key = "position"};
  for (const auto& answer : file.answers) {
    const bool asked = !answer.prompt.empty() || !answer.question.empty();
    const auto place = static_cast<std::size_t>(answer.position);
    const bool known = asked && answer.position >= 0 && place < at_place.size() && at_place[place] < next;
    match.question_of.push_back(known ? at_place[place] : kNone);
  }
  return match;
}

/// The first way that places all answers which an earlier way has placed where they contradict the benchmark: one that
/// leaves some of them out would only hide them.
Match best_match(const Benchmark& benchmark, const Loaded& loaded, const ForeignAnswers& file) {
  const auto& questions = loaded.questions;
  const auto style = benchmark.options().style;
  std::vector<Match> tried = {by_id(questions, file), by_group(questions, file, style)};
  if (file.ordered) tried.push_back(by_position(loaded, file));
  std::vector<bool> placed(file.answers.size(), false);
  std::string problem;
  for (auto& way : tried) {
    auto match = checked(std::move(way), questions, file, style);
    bool all = match.found > 0;
    for (std::size_t i = 0; i < placed.size(); ++i) all = all && (!placed[i] || match.question_of[i] != kNone);
    if (all && match.contradiction.empty() && match.repeated.empty()) return match;
    if (problem.empty()) problem = match.contradiction.empty() ? match.repeated : match.contradiction;
    if (all && match.contradiction.empty()) break;  // the ids are the benchmark's, and some are there twice
    for (std::size_t i = 0; i < placed.size(); ++i) placed[i] = placed[i] || match.question_of[i] != kNone;
  }
  if (!problem.empty()) {
    throw UserError(ErrorKind::kInput, problem,
                    fmt::format("Is `path` the file (and the revision) of '{}' that was answered?", benchmark.name()));
  }
  throw UserError(
      ErrorKind::kInput,
      fmt::format("{}: none of its {} answers belongs to a question of '{}' (the first has the id '{}', the "
                  "benchmark's first is '{}')",
                  file.file, file.answers.size(), benchmark.name(), file.answers.front().id, questions.front().id),
      "Give as `path` the benchmark's file that the harness itself read.");
}

}  // namespace

Joined join_answers(const Benchmark& benchmark, const Loaded& loaded, const ForeignAnswers& answers) {
  const auto& questions = loaded.questions;
  const auto match = best_match(benchmark, loaded, answers);
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
    if (expects_others(questions[i], *of_question[i])) joined.other_answers.push_back(questions[i].id);
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
