#include "eval/exchange/exports.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "core/hash.h"
#include "eval/exchange/join.h"
#include "eval/text.h"
#include "eval/tsv.h"
#include "eval/tsv_questions.h"

namespace scalselect::eval {
namespace {

using nlohmann::ordered_json;

bool is_whole(const std::string& text) {
  return !text.empty() && text.size() < 18 && text.find_first_not_of("0123456789") == std::string::npos &&
         (text.size() == 1 || text[0] != '0');
}

/// One line, each field in quotes, as pandas writes with csv.QUOTE_ALL.
std::string quoted_line(const std::vector<std::string>& fields) {
  std::string line;
  for (const auto& field : fields)
    line += fmt::format("{}\"{}\"", line.empty() ? "" : "\t", replace_all(field, "\"", "\"\""));
  return line + "\n";
}

std::string table_of_file(const Benchmark& benchmark, std::span<const Prediction> predictions) {
  const auto table = TsvTable::read(benchmark.options().path);
  table.require({"index"});
  std::unordered_map<std::string, const std::string*> answers;
  for (const auto& [question, response] : predictions) answers.emplace(question.id, &response);
  auto columns = table.columns();
  std::erase(columns, "image");
  std::erase(columns, "prediction");
  auto header = columns;
  header.emplace_back("prediction");
  std::string text = quoted_line(header);
  std::size_t written = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto found = answers.find(table.cell(row, "index"));
    if (found == answers.end()) continue;
    std::vector<std::string> fields;
    for (const auto& column : columns) fields.push_back(table.cell(row, column));
    fields.push_back(*found->second);
    text += quoted_line(fields);
    ++written;
  }
  if (written == answers.size()) return text;
  throw UserError(ErrorKind::kInput,
                  fmt::format("{}: has {} of the {} answered questions of '{}'", benchmark.options().path, written,
                              answers.size(), benchmark.name()),
                  "Give as `path` the file that was answered.");
}

/// What VLMEvalKit's file calls the answer: letters as they are, Yes and No with a capital, lists as Python writes
/// them.
std::string table_answer(const Question& question) {
  if (question.answers.empty()) return {};
  const auto& answer = question.answers.front();
  if (question.options.empty() && (answer == "yes" || answer == "no")) return answer == "yes" ? "Yes" : "No";
  return question.answers.size() == 1 ? answer : nlohmann::json(question.answers).dump();
}

std::string table_of_questions(std::span<const Prediction> predictions) {
  std::vector<std::string> labels;
  bool hints = false, levels = false, whole = true;
  for (const auto& [question, response] : predictions) {
    hints |= !question.hint.empty();
    levels |= !question.options.empty() && !question.splits.empty();
    whole &= is_whole(question.id);
    for (const auto& option : question.options) {
      if (std::find(labels.begin(), labels.end(), option.label) == labels.end()) labels.push_back(option.label);
    }
  }
  std::sort(labels.begin(), labels.end());
  std::vector<std::string> header = {"index", "question"};
  if (hints) header.emplace_back("hint");
  header.insert(header.end(), labels.begin(), labels.end());
  header.insert(header.end(), {"answer", "category"});
  if (levels) header.emplace_back("l2-category");
  header.insert(header.end(), {"image_path", "prediction"});
  std::string text = quoted_line(header);
  for (const auto& [question, response] : predictions) {
    std::vector<std::string> fields = {whole ? question.id : std::to_string(question.row), question.question};
    if (hints) fields.push_back(question.hint);
    for (const auto& label : labels) {
      const auto option = std::find_if(question.options.begin(), question.options.end(),
                                       [&](const Option& candidate) { return candidate.label == label; });
      fields.push_back(option == question.options.end() ? "" : option->text);
    }
    fields.push_back(table_answer(question));
    fields.push_back(question.category);
    if (levels) fields.push_back(question.splits.empty() ? "" : question.splits.front());
    fields.push_back(question.image_names.empty() ? "" : question.image_names.front());
    fields.push_back(response);
    text += quoted_line(fields);
  }
  return text;
}

/// Whether the benchmark's file is a table of VLMEvalKit.
bool has_table(const Benchmark& benchmark) {
  const auto& path = benchmark.options().path;
  std::error_code unknown;
  return is_tsv(path) && std::filesystem::is_regular_file(path, unknown);
}

bool is_scienceqa(const std::string& kind) { return kind == "scienceqa" || kind == "scienceqa_full"; }

/// LLaVA's id of a question. POPE's files number their questions anew, and the scorer wants ids that are unique.
ordered_json llava_id(const std::string& kind, const Question& question) {
  if (kind == "pope" && !is_whole(question.id)) return question.row + 1;
  if (kind == "mme" && !is_whole(question.id)) return question.group;
  if (is_scienceqa(kind) || !is_whole(question.id)) return question.id;
  return std::stoll(question.id);
}

std::string dumped(const ordered_json& record) {
  return record.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string vlmevalkit_table(const Benchmark& benchmark, std::span<const Prediction> predictions) {
  return has_table(benchmark) ? table_of_file(benchmark, predictions) : table_of_questions(predictions);
}

std::vector<std::string> unanswered_rows(const Benchmark& benchmark, std::span<const Prediction> predictions) {
  if (!has_table(benchmark)) return {};
  std::unordered_set<std::string> answered;
  for (const auto& prediction : predictions) answered.insert(prediction.question.id);
  const auto table = TsvTable::read(benchmark.options().path);
  std::vector<std::string> ids;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (auto id = table.cell(row, "index"); !answered.contains(id)) ids.push_back(std::move(id));
  }
  if (ids.size() == table.rows()) ids.clear();  // its ids are not those of the answers
  return ids;
}

std::size_t read_as_missing(std::span<const Prediction> predictions) {
  return static_cast<std::size_t>(std::count_if(predictions.begin(), predictions.end(), [](const Prediction& answer) {
    return is_missing_text(answer.response);
  }));
}

std::string lmms_eval_task(const Benchmark& benchmark) {
  static const std::map<std::string, std::string> tasks = {{"ai2d", "ai2d"},
                                                           {"mme", "mme"},
                                                           {"ocrbench", "ocrbench"},
                                                           {"pope", "pope"},
                                                           {"scienceqa", "scienceqa_img"},
                                                           {"scienceqa_full", "scienceqa"}};
  const auto& options = benchmark.options();
  if (options.kind == "mmbench") return options.language == "cn" ? "mmbench_cn_dev" : "mmbench_en_dev";
  const auto found = tasks.find(options.kind);
  return found == tasks.end() ? options.kind : found->second;
}

std::string lmms_eval_log(const Benchmark& benchmark, std::span<const Prediction> predictions, const std::string& task,
                          const std::string& model, const ForeignAnswers* like) {
  std::unordered_map<std::string, std::int64_t> documents;
  if (like != nullptr) {
    Loaded answered;
    for (const auto& prediction : predictions) answered.questions.push_back(prediction.question);
    const auto joined = join_answers(benchmark, answered, *like);
    for (std::size_t i = 0; i < joined.sources.size(); ++i) {
      documents.emplace(joined.predictions[i].question.id, joined.sources[i]->position);
    }
  }
  auto logs = ordered_json::array();
  for (const auto& [question, response] : predictions) {
    const auto found = documents.find(question.id);
    if (like != nullptr && found == documents.end()) {
      throw UserError(ErrorKind::kInput, fmt::format("{}: has no sample of question '{}'", like->file, question.id),
                      "Give samples of the whole task.");
    }
    logs.push_back({{"doc_id", like == nullptr ? question.row : found->second},
                    {"resps", ordered_json::array({ordered_json::array({response})})}});
  }
  const ordered_json log = {{"args", {{"model", model}, {"model_args", ""}, {"limit", nullptr}}},
                            {"model_configs", {{"task", task}}},
                            {"time", "0101_0000"},
                            {"logs", std::move(logs)}};
  return log.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string llava_answers(const Benchmark& benchmark, std::span<const Prediction> predictions,
                          const std::string& model) {
  const auto& kind = benchmark.options().kind;
  std::string lines;
  for (const auto& [question, response] : predictions) {
    ordered_json record = {{"question_id", llava_id(kind, question)}};
    if (kind == "mmbench") record["round_id"] = 0;  // the file's rows are the rotations already
    // LLaVA's scorer of ScienceQA takes for image questions those whose prompt shows the image's place.
    const bool shown = is_scienceqa(kind) && !question.images.empty();
    record["prompt"] = std::string(shown ? "<image>\n" : "") + question.prompt;
    record["text"] = strip(response);
    if (kind == "mmbench") {
      record["options"] = record["option_char"] = ordered_json::array();
      for (const auto& option : question.options) {
        record["options"].push_back(option.text);
        record["option_char"].push_back(option.label);
      }
    }
    record["answer_id"] = sha256(benchmark.name() + "\n" + model + "\n" + question.id).substr(0, 22);
    record["model_id"] = model;
    record["metadata"] = ordered_json::object();
    lines += dumped(record);
  }
  return lines;
}

std::string llava_questions(const Benchmark& benchmark, std::span<const Prediction> predictions) {
  std::string lines;
  for (const auto& [question, response] : predictions) {
    lines += dumped({{"question_id", llava_id(benchmark.options().kind, question)},
                     {"image", question.image_names.empty() ? "" : question.image_names.front()},
                     {"text", question.prompt},
                     {"category", question.category}});
  }
  return lines;
}

}  // namespace scalselect::eval
