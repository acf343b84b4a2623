#include "eval/predictions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "eval/json_files.h"

namespace scalselect::eval {
namespace {

using nlohmann::json;

// What makes two calls of the model the same call.
std::string call_key(const Question& question) {
  std::string key = question.prompt;
  for (const auto& name : question.image_names) key += '\0' + name;
  return key;
}

// Writes records and forces them out; keeps what is constant in a file.
class RecordWriter {
 public:
  RecordWriter(const Benchmark& benchmark, const EvaluateOptions& options)
      : bench_(benchmark.name()),
        fingerprint_(benchmark.fingerprint()),
        profile_(dump_options(benchmark.options())["style"].get<std::string>()),
        limit_(options.generation.max_new_tokens) {}

  std::string line(const Question& question, const std::string& response) {
    json images = json::array();
    for (std::size_t i = 0; i < question.images.size(); ++i) {
      images.push_back({{"file", question.image_names[i]}, {"bytes_sha256", image_hash(question.images[i])}});
    }
    return prediction_line(prediction_record(question, response, bench_, fingerprint_, std::move(images), profile_,
                                             {{"max_new_tokens", limit_}, {"temperature", 0}}));
  }

 private:
  const std::string& image_hash(const std::string& path) {
    auto [place, added] = hashes_.try_emplace(path);
    if (added) place->second = sha256_file(path);
    return place->second;
  }

  std::string bench_, fingerprint_, profile_;
  int limit_;
  std::map<std::string, std::string> hashes_;
};

// Bytes up to and including the last newline: what a killed writer is known to have finished.
std::string whole_lines(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return {};
  std::string bytes = read_file(file, kDataBytes);
  bytes.resize(bytes.rfind('\n') == std::string::npos ? 0 : bytes.rfind('\n') + 1);
  return bytes;
}

// `lines` without those of a step that was cut short. The whole step is answered again: sums of floats may depend on
// what is computed together, and the resumed answers must be the uninterrupted ones.
std::string whole_steps(std::string lines, std::size_t step, std::size_t questions) {
  const auto count = static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
  if (count >= questions) return lines;
  std::size_t end = 0;
  for (std::size_t i = 0; i < count / step * step; ++i) end = lines.find('\n', end) + 1;
  lines.resize(end);
  return lines;
}

Prediction prediction_of(const json& record, const std::string& where) {
  Prediction prediction;
  Question& question = prediction.question;
  question.id = json_string(record, "id", where);
  prediction.response = json_string(record, "response", where);
  try {
    question.row = record.at("row").get<std::int64_t>();
    question.prompt = record.at("prompt").get<std::string>();
    question.group = record.at("group").get<std::string>();
    question.rotation = record.at("rot").get<int>();
    question.cluster = record.at("cluster").get<std::string>();
    question.stratum = record.at("stratum").get<std::string>();
    question.category = record.at("category").get<std::string>();
    question.splits = record.at("categories").get<std::vector<std::string>>();
    question.skill = record.at("skill").get<std::string>();
    question.question = record.at("question").get<std::string>();
    question.hint = record.at("hint").get<std::string>();
    question.answers = record.at("answers").get<std::vector<std::string>>();
    for (const auto& option : record.at("options")) {
      question.options.push_back({option.at(0).get<std::string>(), option.at(1).get<std::string>()});
    }
    for (const auto& image : record.at("images")) question.image_names.push_back(image.at("file").get<std::string>());
  } catch (const json::exception& error) {
    throw UserError(ErrorKind::kInput, fmt::format("{} is not a prediction record ({})", where, error.what()),
                    "Delete the file and evaluate again.");
  }
  return prediction;
}

std::vector<std::size_t> each_in_turn(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

// Questions about the same pictures one after another (MMBench's rotations and POPE's splits are far apart in their
// files), in the order in which the pictures come first: a generator reads each picture once.
std::vector<std::size_t> by_picture(std::span<const Question> questions) {
  std::map<std::vector<std::string>, std::size_t> first;
  std::vector<std::size_t> place;
  for (std::size_t i = 0; i < questions.size(); ++i)
    place.push_back(first.try_emplace(questions[i].images, i).first->second);
  auto order = each_in_turn(questions.size());
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return place[a] < place[b]; });
  return order;
}

// `lines`, line i of which is about question order[i], in the order of the questions.
std::string in_rows(const std::string& lines, std::span<const std::size_t> order) {
  std::vector<std::string_view> rows(order.size());
  std::size_t begin = 0;
  for (const auto row : order) {
    const std::size_t end = lines.find('\n', begin) + 1;
    rows[row] = std::string_view(lines).substr(begin, end - begin);
    begin = end;
  }
  std::string text;
  text.reserve(lines.size());
  for (const auto row : rows) text += row;
  return text;
}

// Checks that the stored lines are the first answers of this same evaluation, and remembers the answers. `order`: the
// questions that the lines are about.
std::size_t check_prefix(std::span<const Question> questions, std::span<const std::size_t> order,
                         const std::string& bytes, RecordWriter& writer, const std::filesystem::path& file,
                         std::map<std::string, std::string>& known) {
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < bytes.size(); ++count) {
    const std::size_t end = bytes.find('\n', begin) + 1;
    const std::string line = bytes.substr(begin, end - begin);
    begin = end;
    const json record = json::parse(line, nullptr, false);
    const std::string response = record.is_object() && record.contains("response") && record["response"].is_string()
                                     ? record["response"].get<std::string>()
                                     : std::string();
    if (count >= questions.size() || writer.line(questions[order[count]], response) != line) {
      throw UserError(
          ErrorKind::kInput,
          fmt::format("{}: line {} is not an answer to question {} of this evaluation", file.string(), count + 1,
                      count < questions.size() ? "'" + questions[order[count]].id + "'" : "(none left)"),
          "The file comes from another benchmark, prompt or limit: delete it, or write to another place.");
    }
    known.emplace(call_key(questions[order[count]]), response);
  }
  return count;
}

}  // namespace

json prediction_record(const Question& question, const std::string& response, const std::string& benchmark,
                       const std::string& fingerprint, json images, const std::string& profile, json gen) {
  json options = json::array();
  for (const auto& option : question.options) options.push_back({option.label, option.text});
  return {{"schema", 1},
          {"bench", benchmark},
          {"bench_file_sha256", fingerprint},
          {"id", question.id},
          {"row", question.row},
          {"group", question.group},
          {"rot", question.rotation},
          {"cluster", question.cluster},
          {"stratum", question.stratum},
          {"category", question.category},
          {"categories", question.splits},
          {"skill", question.skill},
          {"images", std::move(images)},
          {"question", question.question},
          {"hint", question.hint},
          {"options", std::move(options)},
          {"answers", question.answers},
          {"profile", profile},
          {"prompt", question.prompt},
          {"response", response},
          {"gen", std::move(gen)}};
}

std::string prediction_line(const json& record) {
  return record.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::filesystem::path partial_predictions(const std::filesystem::path& file) {
  auto partial = file;
  partial += ".partial";
  return partial;
}

void evaluate(const Benchmark& benchmark, std::span<const Question> questions, TextGenerator& generator,
              const EvaluateOptions& options, const std::filesystem::path& file, Progress* progress) {
  RecordWriter writer(benchmark, options);
  std::map<std::string, std::string> known;  // POPE's splits share questions: each is asked once
  const auto in_row_order = each_in_turn(questions.size());
  const auto partial = partial_predictions(file);
  if (check_prefix(questions, in_row_order, whole_lines(file), writer, file, known) == questions.size()) {
    std::filesystem::remove(partial);
    return;
  }
  known.clear();
  const auto order = by_picture(questions);
  const auto step = static_cast<std::size_t>(std::max(1, options.flush_every));
  const std::string stored = whole_steps(whole_lines(partial), step, questions.size());
  std::size_t next = check_prefix(questions, order, stored, writer, partial, known);
  AppendFile out(partial, stored.size());
  while (next < questions.size()) {
    const std::size_t end = std::min(questions.size(), next + step);
    std::vector<GenerationPrompt> prompts;
    std::vector<std::string> keys;
    for (std::size_t i = next; i < end; ++i) {
      const auto& question = questions[order[i]];
      std::string key = call_key(question);
      if (!known.emplace(key, std::string()).second) continue;
      prompts.push_back({question.prompt, question.images});
      keys.push_back(std::move(key));
    }
    if (!prompts.empty()) {
      const auto answers = generator.generate(prompts, options.generation);
      for (std::size_t i = 0; i < keys.size(); ++i) known[keys[i]] = answers.at(i);
    }
    std::string lines;
    for (std::size_t i = next; i < end; ++i) {
      const auto& question = questions[order[i]];
      lines += writer.line(question, known.at(call_key(question)));
    }
    out.append(lines);
    out.flush();
    if (progress != nullptr) progress->advance(static_cast<std::int64_t>(end - next));
    next = end;
  }
  write_file_atomically(file, in_rows(whole_lines(partial), order));
  std::filesystem::remove(partial);
}

namespace {

/// Calls `visit` for each prediction. Throws UserError(kInput) where one repeats an earlier one's question.
void for_each_prediction(const std::filesystem::path& file,
                         const std::function<void(const json&, const std::string& where, Prediction)>& visit) {
  std::unordered_map<std::string, std::string> seen;  // id -> where
  for_each_json_line(file, [&](const json& record, const std::string& where) {
    auto prediction = prediction_of(record, where);
    if (const auto [first, added] = seen.emplace(prediction.question.id, where); !added) {
      throw UserError(
          ErrorKind::kInput,
          fmt::format("{} answers question '{}' again, after {}", where, prediction.question.id, first->second),
          "Keep one of the two lines.");
    }
    visit(record, where, std::move(prediction));
  });
}

}  // namespace

std::vector<Prediction> read_predictions(const std::filesystem::path& file) {
  std::vector<Prediction> predictions;
  for_each_prediction(file, [&](const json&, const std::string&, Prediction prediction) {
    predictions.push_back(std::move(prediction));
  });
  return predictions;
}

StoredAnswers stored_answers(const Benchmark& benchmark, const std::filesystem::path& file) {
  StoredAnswers answers;
  answers.file = file;
  for_each_prediction(file, [&](const json& record, const std::string& where, Prediction prediction) {
    const std::string bench = json_string(record, "bench", where);
    if (bench != benchmark.name()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{} belongs to benchmark '{}', not '{}'", where, bench, benchmark.name()));
    }
    if (prediction.question.answers.empty() && !benchmark.references_optional()) {
      throw UserError(ErrorKind::kInput, where + " has no answers");
    }
    answers.questions.push_back(std::move(prediction.question));
    answers.responses.push_back(std::move(prediction.response));
  });
  if (answers.questions.empty()) {
    throw UserError(ErrorKind::kInput, file.string() + ": holds no predictions", "Evaluate first.");
  }
  return answers;
}

std::vector<Outcome> judge_all(const Benchmark& benchmark, const StoredAnswers& answers) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(answers.questions.size());
  for (std::size_t i = 0; i < answers.questions.size(); ++i)
    outcomes.push_back(benchmark.judge(answers.questions[i], answers.responses[i]));
  return outcomes;
}

ScoredBenchmark score_all(const Benchmark& benchmark, const StoredAnswers& answers, std::span<const Outcome> outcomes) {
  try {
    return benchmark.aggregate(answers.questions, outcomes);
  } catch (const UserError& error) {  // which does not know where the answers are from
    throw UserError(error.kind(), fmt::format("{}: {}", answers.file.string(), error.problem()), error.remedy());
  }
}

Rescored rescore(const Benchmark& benchmark, const std::filesystem::path& file) {
  auto answers = stored_answers(benchmark, file);
  Rescored result;
  result.outcomes = judge_all(benchmark, answers);
  result.scores = score_all(benchmark, answers, result.outcomes);
  result.questions = std::move(answers.questions);
  return result;
}

void write_scores(const Rescored& rescored, const std::filesystem::path& file) {
  std::string lines;
  for (std::size_t i = 0; i < rescored.questions.size(); ++i) {
    const Outcome& outcome = rescored.outcomes[i];
    const json record = {{"id", rescored.questions[i].id},
                         {"parsed", outcome.parsed.value},
                         {"rule", outcome.parsed.rule},
                         {"score", outcome.score}};
    lines += record.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  }
  write_file_atomically(file, lines);
}

}  // namespace scalselect::eval
