#include "eval/answering.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"

namespace scalselect::eval {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr char kExtension[] = ".jsonl";

// What makes two calls of the model the same call.
std::string call_key(const Question& question) {
  std::string key = question.prompt;
  for (const auto& name : question.image_names) key += '\0' + name;
  return key;
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

/// Steps of about `size` questions, in working order.
std::vector<WorkPart> equal_steps(std::span<const Question> questions, std::span<const std::size_t> order,
                                  std::int64_t size) {
  std::vector<WorkPart> steps;
  for (std::int64_t i = 0; i < std::ssize(order); ++i) {
    const auto place = static_cast<std::size_t>(i);
    const auto length = steps.empty() ? 0 : i - steps.back().first;
    const bool another = i > 0 && questions[order[place]].images != questions[order[place - 1]].images;
    if (steps.empty() || length >= 2 * size || (length >= size && another)) steps.push_back({i, i});
    steps.back().end = i + 1;
  }
  return steps;
}

/// What the questions cost, in tokens: those of the picture, where it is another one, of the prompt and of an answer.
std::vector<WorkItem> costs(std::span<const Question> questions, std::span<const std::size_t> order) {
  constexpr double kAnswerTokens = 32;
  std::vector<WorkItem> items;
  const Question* before = nullptr;
  for (const auto index : order) {
    const auto& question = questions[index];
    WorkItem item;
    item.joined = before != nullptr && !question.images.empty() && question.images == before->images;
    const auto pictures = item.joined ? 0 : question.images.size();
    item.cost = static_cast<float>(kAnswerTokens + estimated_tokens(pictures, question.prompt.size()));
    items.push_back(item);
    before = &question;
  }
  return items;
}

bool has_steps(const fs::path& folder) {
  std::error_code none;
  const fs::directory_iterator files(folder, none);
  return std::any_of(begin(files), end(files),
                     [](const fs::directory_entry& file) { return file.path().extension() == kExtension; });
}

std::size_t lines_in(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

void check_count(const fs::path& file, std::size_t answers, std::size_t questions) {
  if (answers == questions) return;
  throw UserError(ErrorKind::kInput, fmt::format("{} has {} answers instead of {}", file.string(), answers, questions),
                  "Delete it and run the command again.");
}

}  // namespace

Answering::Answering(const Benchmark& benchmark, std::span<const Question> questions, const EvaluateOptions& options,
                     fs::path file)
    : benchmark_(benchmark),
      questions_(questions),
      options_(options),
      file_(std::move(file)),
      profile_(dump_options(benchmark.options())["style"].get<std::string>()),
      fingerprint_(benchmark.fingerprint()),
      order_(by_picture(questions)) {
  if (fs::exists(file_)) {
    cut_ = even_parts(std::ssize(order_), std::ssize(order_));
    check_count(file_, check(each_in_turn(questions.size()), read_file(file_, kDataBytes), file_), questions.size());
    return;
  }
  cut_ = agreed_cut(steps_folder(file_), std::ssize(order_), [&] { return cut(); });
  for (std::int64_t step = 0; step < steps(); ++step) {
    const auto kept = step_file(step);
    if (fs::exists(kept))
      check_count(kept, check(members(step), read_file(kept, kDataBytes), kept), members(step).size());
  }
}

std::vector<WorkPart> Answering::cut() const {
  const std::int64_t size = std::max(1, options_.step_size);
  const bool earlier = has_steps(steps_folder(file_));
  if (earlier) log_info("'{}': answers in equal steps, which an earlier version began, go on", file_.string());
  if (earlier || options_.processes == 1) return equal_steps(questions_, order_, size);
  const auto busy = static_cast<std::int64_t>(options_.generation.batch_size) * options_.threads;
  return cut_work(costs(questions_, order_), {options_.processes, std::min(busy, size), size});
}

std::span<const std::size_t> Answering::members(std::int64_t step) const {
  const auto& part = cut_.at(static_cast<std::size_t>(step));
  return std::span(order_).subspan(static_cast<std::size_t>(part.first),
                                   static_cast<std::size_t>(part.end - part.first));
}

std::int64_t Answering::questions_of(std::int64_t step) const { return std::ssize(members(step)); }

fs::path Answering::step_file(std::int64_t step) const {
  return steps_folder(file_) / fmt::format("{:06}{}", step, kExtension);
}

bool Answering::finished(std::int64_t step) const { return fs::exists(step_file(step)) || fs::exists(file_); }

std::string Answering::line(const Question& question, const std::string& response) {
  json images = json::array();
  for (std::size_t i = 0; i < question.images.size(); ++i) {
    auto& hash = picture_hashes_[question.images[i]];
    if (hash.empty()) hash = sha256_file(question.images[i]);
    images.push_back({{"file", question.image_names[i]}, {"bytes_sha256", hash}});
  }
  return prediction_line(
      prediction_record(question, response, benchmark_.name(), fingerprint_, std::move(images), profile_,
                        {{"max_new_tokens", options_.generation.max_new_tokens}, {"temperature", 0}}));
}

// Throws unless line i answers question order[i]; returns how many lines there are.
std::size_t Answering::check(std::span<const std::size_t> order, const std::string& lines, const fs::path& file) {
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < lines.size(); ++count) {
    const auto newline = lines.find('\n', begin);
    const std::string found = lines.substr(begin, newline - begin);
    begin = newline == std::string::npos ? lines.size() : newline + 1;
    const json record = json::parse(found, nullptr, false);
    const std::string response = record.is_object() && record.contains("response") && record["response"].is_string()
                                     ? record["response"].get<std::string>()
                                     : std::string();
    if (count >= order.size() || line(questions_[order[count]], response) != found + "\n") {
      throw UserError(
          ErrorKind::kInput,
          fmt::format("{}: line {} is not an answer to question {} of this evaluation", file.string(), count + 1,
                      count < order.size() ? "'" + questions_[order[count]].id + "'" : "(none left)"),
          "The file comes from another benchmark, prompt or limit: delete it, or write to another place.");
    }
  }
  return count;
}

std::string Answering::answer(std::int64_t step, TextGenerator& generator) {
  std::map<std::string, std::string> known;  // POPE's splits share questions: each is asked once
  std::vector<GenerationPrompt> prompts;
  std::vector<std::string> keys;
  for (const auto index : members(step)) {
    const auto& question = questions_[index];
    std::string key = call_key(question);
    if (!known.emplace(key, std::string()).second) continue;
    prompts.push_back({question.prompt, question.images});
    keys.push_back(std::move(key));
  }
  const auto answers = generator.generate(prompts, options_.generation);
  for (std::size_t i = 0; i < keys.size(); ++i) known[keys[i]] = answers.at(i);
  std::string lines;
  for (const auto index : members(step)) lines += line(questions_[index], known.at(call_key(questions_[index])));
  return lines;
}

void Answering::keep(std::int64_t step, const std::string& lines) const {
  ensure_folder(steps_folder(file_));
  write_file_atomically(step_file(step), lines);
}

void Answering::join() const {
  if (!fs::exists(file_)) {
    std::vector<std::string> rows(order_.size());
    for (std::int64_t step = 0; step < steps(); ++step) {
      const auto lines = read_file(step_file(step), kDataBytes);
      check_count(step_file(step), lines_in(lines), members(step).size());
      std::size_t begin = 0;
      for (const auto row : members(step)) {
        const auto end = lines.find('\n', begin) + 1;
        rows[row] = lines.substr(begin, end - begin);
        begin = end;
      }
    }
    std::string text;
    for (const auto& row : rows) text += row;
    write_file_atomically(file_, text);
  }
  fs::remove_all(steps_folder(file_));
}

fs::path steps_folder(const fs::path& file) {
  auto folder = file;
  folder += ".steps";
  return folder;
}

std::int64_t answered_in_steps(const fs::path& file) {
  if (fs::exists(file)) return static_cast<std::int64_t>(lines_in(read_file(file, kDataBytes)));
  std::int64_t count = 0;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(steps_folder(file), none)) {
    if (entry.path().extension() == kExtension)
      count += static_cast<std::int64_t>(lines_in(read_file(entry.path(), kDataBytes)));
  }
  return count;
}

void evaluate(const Benchmark& benchmark, std::span<const Question> questions, TextGenerator& generator,
              const EvaluateOptions& options, const fs::path& file, Progress* progress) {
  Answering answering(benchmark, questions, options, file);
  for (std::int64_t step = 0; step < answering.steps(); ++step) {
    if (answering.finished(step)) continue;
    answering.keep(step, answering.answer(step, generator));
    if (progress != nullptr) progress->advance(answering.questions_of(step));
  }
  answering.join();
}

}  // namespace scalselect::eval
