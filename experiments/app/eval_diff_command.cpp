// eval diff: where two sets of answers to the same questions disagree, and from what on.
#include <fmt/format.h>

#include <charconv>

#include "eval/exchange/diff.h"
#include "eval/registry.h"
#include "experiments/app/answer_files.h"
#include "experiments/app/eval_command.h"

namespace scalselect::app {
namespace {

using eval::Cause;
using Json = nlohmann::ordered_json;

constexpr char kCommand[] = "eval diff";

/// What is compared: answers, and the rules that read them.
struct Side {
  AnswerFile answers;
  std::unique_ptr<eval::Benchmark> benchmark;
  std::string matcher;
  eval::DiffSide read;
};

struct Pair {
  Side a, b;
  eval::AnswersDiff diff;
};

/// matcher=M for both sides, or matcher=A,B.
Side make_side(const PlainWords& asked, AnswerFile answers, std::size_t place) {
  auto tree = nlohmann::json(dump_options(answers.benchmark));
  const auto matchers = listed(asked.value("matcher"));
  if (matchers.size() > 2) refuse_plain(kCommand, "matcher= takes one matcher for both, or two.");
  if (!matchers.empty()) {
    const auto& matcher = matchers[std::min(place, matchers.size() - 1)];
    require_one_of(kCommand, "matcher", matcher, eval::matchers_of(answers.benchmark));
    tree["matcher"] = matcher;
  }
  Side side{std::move(answers), eval::make_benchmark(bind_options<eval::BenchmarkOptions>(tree)), tree["matcher"], {}};
  side.read = eval::read_side(*side.benchmark, side.answers.file);
  return side;
}

/// The benchmarks that both have; of two files with one benchmark each, these, whatever their names.
std::vector<Pair> pairs_of(const PlainWords& asked) {
  auto first = answer_files(kCommand, asked, asked.names[0], asked.value("benchmark"));
  auto second = answer_files(kCommand, asked, asked.names[1], asked.value("benchmark"));
  const bool single = first.size() == 1 && second.size() == 1 && first[0].benchmark.kind == second[0].benchmark.kind;
  std::vector<Pair> pairs;
  for (auto& a : first) {
    for (auto& b : second) {
      if (!single && a.benchmark.name != b.benchmark.name) continue;
      Pair pair{make_side(asked, a, 0), make_side(asked, b, 1), {}};
      pair.diff = eval::diff_answers(*pair.a.benchmark, pair.a.read, pair.b.read);
      pairs.push_back(std::move(pair));
    }
  }
  if (!pairs.empty()) return pairs;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("'{}' and '{}' answered no benchmark in common: '{}' and '{}'.", asked.names[0],
                              asked.names[1], first[0].benchmark.name, second[0].benchmark.name),
                  "Answers are compared benchmark by benchmark, by its name.");
}

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string expected(const eval::Question& question) {
  return question.answers.empty() ? "nothing stated" : question.answers.front();
}

std::string read_as(const eval::Outcome& outcome) {
  return outcome.parsed.value.empty() ? "nothing" : outcome.parsed.value;
}

/// The two values of a question that differ first.
std::pair<std::string, std::string> what_differs(const Pair& pair, const eval::QuestionDiff& question) {
  const auto& [asked_a, said_a] = pair.a.read.predictions[question.a];
  const auto& [asked_b, said_b] = pair.b.read.predictions[question.b];
  switch (question.cause) {
    case Cause::kQuestion: {
      const auto text = [](const eval::Question& q) {
        auto all = q.hint + "\n" + q.question;
        for (const auto& option : q.options) all += "\n" + option.label + ". " + option.text;
        return all + " -> " + expected(q);
      };
      return {text(asked_a), text(asked_b)};
    }
    case Cause::kPrompt: return {asked_a.prompt, asked_b.prompt};
    case Cause::kPixels: return {pair.a.read.pixels[question.a], pair.b.read.pixels[question.b]};
    case Cause::kAnswer: return {said_a, said_b};
    default: return {read_as(pair.a.read.outcomes[question.a]), read_as(pair.b.read.outcomes[question.b])};
  }
}

void print_causes(const Pair& pair) {
  std::vector<Words> rows = {{"first difference", "questions", "read differently", "only A right", "only B right"}};
  for (std::size_t c = 0; c < eval::kCauses; ++c) {
    const auto& count = pair.diff.causes[c];
    if (count.questions == 0) continue;
    rows.push_back({eval::cause_name(static_cast<Cause>(c)), std::to_string(count.questions),
                    std::to_string(count.read_differently), std::to_string(count.only_a_right),
                    std::to_string(count.only_b_right)});
  }
  fmt::print("{}", aligned(rows));
}

void print_metrics(const Pair& pair, bool all) {
  std::vector<Words> rows = {{"metric", "A", "B", "B - A", "of which counting"}};
  for (const auto& metric : pair.diff.metrics) {
    if (!all && !metric.column) continue;
    rows.push_back({metric.name, fmt::format("{:.4f}", metric.a), fmt::format("{:.4f}", metric.b),
                    fmt::format("{:+.4f}", metric.b - metric.a), fmt::format("{:+.4f}", metric.aggregation)});
  }
  rows.push_back({"not readable", fmt::format("{:.2f} %", 100 * pair.a.read.scores.unreadable),
                  fmt::format("{:.2f} %", 100 * pair.b.read.scores.unreadable)});
  fmt::print("{}", aligned(rows));
}

void print_test(const eval::AnswersDiff& diff) {
  if (!diff.whole_scores) {
    fmt::print("  Scores are fractions, to which McNemar's test does not apply.\n");
    return;
  }
  fmt::print("  McNemar over {} {}: {} only A right, {} only B right, mid-p {:.4g} (exact {:.4g})\n", diff.units,
             diff.by_group ? "groups of rotations" : "questions", diff.mcnemar.n10, diff.mcnemar.n01,
             diff.mcnemar.mid_p, diff.mcnemar.exact);
}

void print_examples(const Pair& pair, std::size_t limit) {
  for (std::size_t c = 0; c < eval::kCauses; ++c) {
    const auto cause = static_cast<Cause>(c);
    std::size_t shown = 0;
    for (const auto& question : pair.diff.questions) {
      if (question.cause != cause || cause == Cause::kNone || !question.read_differently || shown == limit) continue;
      const auto [a, b] = what_differs(pair, question);
      const auto &one = pair.a.read.outcomes[question.a], &other = pair.b.read.outcomes[question.b];
      fmt::print(
          "\n  {} ({} differs; expected {})\n    A {}\n      read as {}, score {:g}\n    B {}\n      read as {}, score "
          "{:g}\n",
          pair.a.read.predictions[question.a].question.id, eval::cause_name(cause),
          expected(pair.a.read.predictions[question.a].question), quoted(a), read_as(one), one.score, quoted(b),
          read_as(other), other.score);
      ++shown;
    }
  }
}

void print_text(const Pair& pair, std::size_t limit, bool all) {
  const auto& diff = pair.diff;
  fmt::print("{}: {} questions in both\n  A  {} ({}), matcher {}\n  B  {} ({}), matcher {}\n",
             pair.a.answers.benchmark.name, diff.questions.size(), pair.a.answers.source, pair.a.answers.model,
             pair.a.matcher, pair.b.answers.source, pair.b.answers.model, pair.b.matcher);
  if (!diff.only_in_a.empty()) fmt::print("  only in A ({}): {}\n", diff.only_in_a.size(), first_of(diff.only_in_a));
  if (!diff.only_in_b.empty()) fmt::print("  only in B ({}): {}\n", diff.only_in_b.size(), first_of(diff.only_in_b));
  if (diff.prompts_unknown > 0)
    fmt::print("  prompts of {} questions are not known on both sides\n", diff.prompts_unknown);
  if (diff.pixels_unknown > 0)
    fmt::print("  pixels of {} questions are not known on both sides\n", diff.pixels_unknown);
  print_causes(pair);
  print_metrics(pair, all);
  print_test(diff);
  print_examples(pair, limit);
}

Json side_json(const Side& side) {
  return {{"source", side.answers.source},
          {"model", side.answers.model},
          {"matcher", side.matcher},
          {"answers", side.read.predictions.size()},
          {"unreadable", side.read.scores.unreadable}};
}

Json pair_json(const Pair& pair) {
  const auto& diff = pair.diff;
  Json tree = {{"benchmark", pair.a.answers.benchmark.name},
               {"a", side_json(pair.a)},
               {"b", side_json(pair.b)},
               {"in_both", diff.questions.size()},
               {"only_in_a", diff.only_in_a},
               {"only_in_b", diff.only_in_b},
               {"prompts_unknown", diff.prompts_unknown},
               {"pixels_unknown", diff.pixels_unknown},
               {"causes", Json::object()},
               {"metrics", Json::object()},
               {"mcnemar", nullptr},
               {"questions", Json::array()}};
  for (std::size_t c = 0; c < eval::kCauses; ++c) {
    const auto& count = diff.causes[c];
    tree["causes"][eval::cause_name(static_cast<Cause>(c))] = {{"questions", count.questions},
                                                               {"read_differently", count.read_differently},
                                                               {"only_a_right", count.only_a_right},
                                                               {"only_b_right", count.only_b_right}};
  }
  for (const auto& metric : diff.metrics) {
    tree["metrics"][metric.name] = {
        {"a", metric.a}, {"b", metric.b}, {"aggregation", metric.aggregation}, {"column", metric.column}};
  }
  if (diff.whole_scores) {
    tree["mcnemar"] = {{"units", diff.units},         {"unit", diff.by_group ? "group" : "question"},
                       {"n10", diff.mcnemar.n10},     {"n01", diff.mcnemar.n01},
                       {"mid_p", diff.mcnemar.mid_p}, {"exact", diff.mcnemar.exact}};
  }
  for (const auto& question : diff.questions) {
    if (question.cause == Cause::kNone) continue;
    const auto [a, b] = what_differs(pair, question);
    const auto &one = pair.a.read.outcomes[question.a], &other = pair.b.read.outcomes[question.b];
    tree["questions"].push_back({{"id", pair.a.read.predictions[question.a].question.id},
                                 {"cause", eval::cause_name(question.cause)},
                                 {"a", {{"value", a}, {"parsed", one.parsed.value}, {"score", one.score}}},
                                 {"b", {{"value", b}, {"parsed", other.parsed.value}, {"score", other.score}}}});
  }
  return tree;
}

std::size_t limit_of(const PlainWords& asked) {
  const auto text = asked.value("examples", "3");
  std::size_t limit = 0;
  const auto* const end = text.data() + text.size();
  if (const auto [stop, code] = std::from_chars(text.data(), end, limit); code != std::errc() || stop != end) {
    refuse_plain(kCommand, fmt::format("'examples={}' is not a number of questions.", text));
  }
  return limit;
}

}  // namespace

int eval_diff(const Words& words) {
  const auto asked = parse_plain(kCommand, words, 2);
  if (asked.names.size() != 2) refuse_plain(kCommand, "`eval diff` needs two runs or files of predictions.");
  const auto format = asked.value("format", "text");
  require_one_of(kCommand, "format", format, {"text", "json"});
  const auto limit = limit_of(asked);
  auto list = Json::array();
  bool first = true;
  for (const auto& pair : pairs_of(asked)) {
    if (format == "json") list.push_back(pair_json(pair));
    if (format == "text" && !first) fmt::print("\n");
    if (format == "text") print_text(pair, limit, asked.flags.contains("--all"));
    first = false;
  }
  if (format == "json") fmt::print("{}\n", list.dump(1, ' ', false, Json::error_handler_t::replace));
  return 0;
}

}  // namespace scalselect::app
