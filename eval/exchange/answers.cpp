#include "eval/exchange/answers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "core/hash.h"
#include "eval/exchange/xlsx.h"
#include "eval/json_files.h"
#include "eval/text.h"
#include "eval/tsv.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

[[noreturn]] void refuse(const std::string& where, const std::string& problem, const std::string& remedy = {}) {
  throw UserError(ErrorKind::kInput, where + ": " + problem, remedy);
}

constexpr char kWhatIsRead[] =
    "VLMEvalKit's predictions (.xlsx, .tsv, .json), lmms-eval's samples and LLaVA's answers (.jsonl) can be read.";

/// Refuses what users hand over by mistake, by its first bytes.
void refuse_strangers(const fs::path& file) {
  std::error_code unknown;
  if (!fs::is_regular_file(file, unknown)) refuse(file.string(), "is not a file", "Check the path.");
  std::ifstream in(file, std::ios::binary);
  std::string head(512, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(in.gcount()));
  if (head.empty()) refuse(file.string(), "is empty", "Fetch or copy it again.");
  const auto start = lower(strip(head)).substr(0, 15);
  if (start.starts_with("<!doctype html") || start.starts_with("<html")) {
    refuse(file.string(), "is a page of HTML, not the file that it links to", "Download the file itself.");
  }
  if (head.starts_with("\x80") || file.extension() == ".pkl") {
    refuse(file.string(), "is a pickle, which VLMEvalKit writes where its table failed; pickles are never opened here",
           "Let VLMEvalKit write the predictions again with PRED_FORMAT=tsv.");
  }
}

/// A row of VLMEvalKit's table, whatever holds it: the text of a column, or nothing.
struct Cell {
  std::string text;
  bool blank = true, number = false;
};

using CellOf = std::function<Cell(const char* column)>;

/// Truth values and numbers, as spreadsheets and pandas write them.
std::optional<double> score_of_text(const std::string& text) {
  const auto low = lower(strip(text));
  if (low == "true" || low == "false") return low == "true" ? 1 : 0;
  double value = 0;
  const auto* const end = low.data() + low.size();
  const auto [stop, error] = std::from_chars(low.data(), end, value);
  return error == std::errc() && stop == end && !low.empty() ? std::optional(value) : std::nullopt;
}

/// The column in which VLMEvalKit keeps its score of a row; null if a table has none. `score` is one beside what its
/// rules read in the answer.
const char* score_column(const std::vector<std::string>& columns) {
  const auto has = [&](const char* name) { return std::find(columns.begin(), columns.end(), name) != columns.end(); };
  if (has("hit") && has("log")) return "hit";
  return has("score") && has("extracted") ? "score" : nullptr;
}

ForeignAnswer table_row(const std::string& where, std::size_t position, const CellOf& cell) {
  const Cell answer = cell("prediction");
  ForeignAnswer row;
  row.where = where;
  row.position = static_cast<std::int64_t>(position);
  row.id = cell("index").text;
  row.question = cell("question").text;
  row.target = cell("answer").text;
  if (row.target.empty()) row.target = cell("answers").text;  // VizWiz
  row.hint = cell("hint").text;
  for (char label = 'A'; label <= 'Z'; ++label) {
    const std::string column(1, label);
    row.options.push_back({column, cell(column.c_str()).text});
  }
  while (!row.options.empty() && row.options.back().text.empty()) row.options.pop_back();
  row.text = answer.text;
  row.blank = answer.blank;
  row.number = answer.number;
  if (row.id.empty()) refuse(where, "has no index", "Every row of VLMEvalKit's predictions has one.");
  return row;
}

/// VLMEvalKit writes tables of several kinds beside each other.
void check_columns(const std::string& file, const std::vector<std::string>& columns) {
  const auto has = [&](const char* name) { return std::find(columns.begin(), columns.end(), name) != columns.end(); };
  if (has("hit") && has("log")) {
    refuse(file, "is a sheet of results (columns hit and log), with one row per question instead of one per call",
           "Give the file of predictions, MODEL_DATASET without `_result`, and this one as results=FILE.");
  }
  for (const char* name : {"index", "prediction"}) {
    if (!has(name)) {
      refuse(file, fmt::format("has no column '{}' (it has {})", name, fmt::join(columns, ", ")),
             "VLMEvalKit's predictions are the benchmark's table with a column `prediction`.");
    }
  }
}

/// Is called with the columns of a table before its first row.
using ColumnCheck = std::function<void(const std::vector<std::string>& columns)>;
using TableRowVisitor = std::function<void(const std::string& where, const CellOf& cell)>;

void visit_sheet(const fs::path& file, const ColumnCheck& check, const TableRowVisitor& visit) {
  const auto sheet = read_xlsx(file);
  check(sheet.columns);
  for (std::size_t i = 0; i < sheet.rows.size(); ++i) {
    visit(fmt::format("{}: row {}", file.string(), sheet.numbers[i]), [&](const char* name) {
      const auto column = sheet.column(name);
      if (column == sheet.columns.size()) return Cell();
      const auto& cell = sheet.rows[i][column];
      return Cell{cell.text, cell.kind == SheetCell::Kind::kBlank, cell.kind == SheetCell::Kind::kNumber};
    });
  }
}

void visit_tsv(const fs::path& file, const ColumnCheck& check, const TableRowVisitor& visit) {
  const auto table = TsvTable::read(file);
  check(table.columns());
  for (std::size_t i = 0; i < table.rows(); ++i) {
    visit(fmt::format("{}: line {}", file.string(), table.line(i)), [&](const char* name) {
      const auto text = table.cell(i, name);
      return Cell{text, text.empty(), false};
    });
  }
}

void visit_records(const fs::path& file, const ColumnCheck& check, const TableRowVisitor& visit) {
  const auto list = parse_json_file(file);
  if (!list.is_array() || list.empty() || !list[0].is_object()) {
    refuse(file.string(), "is not a list of records", kWhatIsRead);
  }
  std::vector<std::string> columns;
  for (const auto& [key, value] : list[0].items()) columns.push_back(key);
  check(columns);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto where = fmt::format("{}: record {}", file.string(), i + 1);
    if (!list[i].is_object()) refuse(where, "is not an object");
    visit(where, [&](const char* name) {
      const auto found = list[i].find(name);
      if (found == list[i].end() || found->is_null()) return Cell();
      const auto text = found->is_string() ? found->template get<std::string>() : found->dump();
      return Cell{text, text.empty(), found->is_number()};
    });
  }
}

void visit_table(const fs::path& file, const ColumnCheck& check, const TableRowVisitor& visit) {
  const auto extension = lower(file.extension().string());
  if (extension == ".xlsx") visit_sheet(file, check, visit);
  else if (extension == ".tsv") visit_tsv(file, check, visit);
  else if (extension == ".json") visit_records(file, check, visit);
  else refuse(file.string(), "has an extension that no harness gives to answers", kWhatIsRead);
}

void read_table(const fs::path& file, ForeignAnswers& out) {
  const char* score = nullptr;
  const auto check = [&](const std::vector<std::string>& columns) {
    check_columns(file.string(), columns);
    score = score_column(columns);
    if (score != nullptr) out.score_name = score;
  };
  visit_table(file, check, [&](const std::string& where, const CellOf& cell) {
    out.answers.push_back(table_row(where, out.answers.size(), cell));
    if (score != nullptr) out.answers.back().score = score_of_text(cell(score).text);
  });
}

/// The first text of an answer that may be nested in lists, one per repeat and filter.
const json* first_text(const json& value) {
  if (value.is_string()) return &value;
  return value.is_array() && !value.empty() ? first_text(value[0]) : nullptr;
}

/// A question's own id, which lmms-eval's metrics carry along for some tasks.
std::string id_in_metrics(const json& record) {
  for (const auto& [key, value] : record.items()) {
    if (!value.is_object()) continue;
    for (const char* name : {"question_id", "index"}) {
      const auto found = value.find(name);
      if (found != value.end() && (found->is_string() || found->is_number_integer())) {
        return found->is_string() ? found->get<std::string>() : found->dump();
      }
    }
  }
  return {};
}

/// What a metric says of one answer: a number, an object with one, or, as SEED-Bench has it, the letter that was read
/// beside the right one.
std::optional<double> score_in(const json& metric) {
  const json* value = metric.is_object() && metric.contains("score") ? &metric["score"] : &metric;
  if (value->is_number()) return value->get<double>();
  if (value->is_boolean()) return value->get<bool>() ? 1 : 0;
  const auto text = [&](const char* key) {
    return metric.is_object() && metric.contains(key) && metric[key].is_string()
               ? std::optional(lower(strip(metric[key].get<std::string>())))
               : std::nullopt;
  };
  const auto read = text("pred"), right = text("answer");
  if (!read || !right) return std::nullopt;
  return *read == *right ? 1 : 0;
}

/// The metrics in which lmms-eval's tasks score single answers. MMBench's are scored all at once, later.
constexpr std::array kSampleMetrics = {
    "exact_match",       "anls",    "relaxed_overall", "pope_accuracy", "mme_cognition_score", "mme_perception_score",
    "ocrbench_accuracy", "seed_all"};

void add_sample_score(const json& record, ForeignAnswer& answer, std::string& name) {
  for (const char* metric : kSampleMetrics) {
    const auto found = record.find(metric);
    if (found == record.end()) continue;
    answer.score = score_in(*found);
    if (answer.score && name.find(metric) == std::string::npos)
      name += (name.empty() ? "" : ", ") + std::string(metric);
    return;
  }
}

ForeignAnswer sample_of(const json& record, const std::string& where) {
  // `resps` is there only where the task's filters changed the answer; it is what the model said.
  const auto raw = record.find("resps"), filtered = record.find("filtered_resps");
  const json* text = raw == record.end() ? nullptr : first_text(*raw);
  if (raw == record.end() && filtered != record.end()) text = first_text(*filtered);
  ForeignAnswer answer;
  answer.where = where;
  if (text == nullptr) {
    refuse(where, "has no text in 'resps' or 'filtered_resps'",
           "Only tasks that generate text can be imported (output_type: generate_until).");
  }
  answer.text = text->get<std::string>();
  answer.blank = answer.text.empty();
  const auto& position = json_field(record, "doc_id", where);
  if (!position.is_number_integer()) refuse(where, "has a 'doc_id' that is not a whole number");
  answer.position = position.get<std::int64_t>();
  answer.id = id_in_metrics(record);
  if (const auto input = record.find("input"); input != record.end() && input->is_string()) {
    answer.prompt = input->get<std::string>();
  }
  if (const auto target = record.find("target"); target != record.end() && target->is_string()) {
    answer.target = target->get<std::string>();
  }
  // Where a task's `doc_to_target` names a column that its data set lacks (TextVQA, VizWiz, VQAv2), the name is logged.
  if (answer.target == "answer") answer.target.clear();
  return answer;
}

ForeignAnswer answer_of(const json& record, const std::string& where, std::size_t position) {
  ForeignAnswer answer;
  answer.where = where;
  answer.position = static_cast<std::int64_t>(position);
  answer.id = json_string(record, "question_id", where);
  answer.blank = !has_json(record, "text");
  if (!answer.blank) answer.text = json_string(record, "text", where);
  answer.blank = answer.text.empty();
  if (has_json(record, "prompt")) answer.prompt = json_string(record, "prompt", where);
  if (const auto round = record.find("round_id"); round != record.end() && round->is_number_integer()) {
    answer.round = round->get<int>();
  }
  if (const auto options = record.find("options"); options != record.end() && options->is_array()) {
    // Its `option_char` are the letters of round 0; in later rounds the prompt gives the turned options A, B, … again.
    const auto labels = record.value("option_char", json::array());
    for (std::size_t i = 0; i < options->size() && i < 26; ++i) {
      const bool labelled = answer.round == 0 && labels.is_array() && i < labels.size() && labels[i].is_string();
      const auto label = labelled ? labels[i].get<std::string>() : std::string(1, static_cast<char>('A' + i));
      const auto& text = (*options)[i];
      answer.options.push_back({label, text.is_string() ? text.get<std::string>() : text.dump()});
    }
  }
  return answer;
}

void read_lines(const fs::path& file, std::optional<AnswerFormat> asked, ForeignAnswers& out) {
  bool known = false;
  for_each_json_line(file, [&](const json& record, const std::string& where) {
    const bool llava = record.contains("question_id") && record.contains("text");
    const bool lmms = record.contains("doc_id") && (record.contains("resps") || record.contains("filtered_resps"));
    if (!known) {
      if (asked) out.format = *asked;
      else if (lmms || llava) out.format = lmms ? AnswerFormat::kLmmsEval : AnswerFormat::kLlava;
      else refuse(where, "is a record of no known harness", kWhatIsRead);
      known = true;
    }
    if (out.format == AnswerFormat::kLmmsEval) {
      out.answers.push_back(sample_of(record, where));
      add_sample_score(record, out.answers.back(), out.score_name);
    } else {
      out.answers.push_back(answer_of(record, where, out.answers.size()));
      if (out.model.empty() && record.contains("model_id") && record["model_id"].is_string()) {
        out.model = record["model_id"].get<std::string>();
      }
    }
  });
  out.ordered = true;
  const auto by_position = [](const ForeignAnswer& a, const ForeignAnswer& b) { return a.position < b.position; };
  std::stable_sort(out.answers.begin(), out.answers.end(), by_position);
}

}  // namespace

const char* format_name(AnswerFormat format) {
  switch (format) {
    case AnswerFormat::kVlmEvalKit: return "vlmevalkit";
    case AnswerFormat::kLmmsEval: return "lmms-eval";
    case AnswerFormat::kLlava: return "llava";
  }
  return "";
}

ForeignAnswers read_answers(const fs::path& file, std::optional<AnswerFormat> format) {
  refuse_strangers(file);
  ForeignAnswers out;
  out.file = file.string();
  out.digest = sha256_file(file);
  const auto extension = lower(file.extension().string());
  const bool lines = extension == ".jsonl";
  if (format && lines == (*format == AnswerFormat::kVlmEvalKit)) {
    refuse(file.string(), fmt::format("is not a file of {}, by its extension", format_name(*format)), kWhatIsRead);
  }
  if (lines) {
    read_lines(file, format, out);
  } else {
    out.format = AnswerFormat::kVlmEvalKit;
    read_table(file, out);
  }
  if (out.answers.empty()) refuse(file.string(), "holds no answers", kWhatIsRead);
  return out;
}

void add_results(const fs::path& file, ForeignAnswers& answers) {
  refuse_strangers(file);
  std::unordered_map<std::string, ForeignAnswer*> by_id;
  for (auto& answer : answers.answers) by_id.emplace(answer.id, &answer);
  const char* score = nullptr;
  std::size_t found = 0;
  const auto check = [&](const std::vector<std::string>& columns) {
    score = score_column(columns);
    const bool index = std::find(columns.begin(), columns.end(), "index") != columns.end();
    if (score == nullptr || !index) {
      refuse(file.string(), fmt::format("is no table of results (it has {})", fmt::join(columns, ", ")),
             "VLMEvalKit's *_result has the columns index, hit and log, its *_auxmatch index, extracted and score.");
    }
  };
  visit_table(file, check, [&](const std::string&, const CellOf& cell) {
    const auto answer = by_id.find(cell("index").text);
    if (answer == by_id.end()) return;
    answer->second->score = score_of_text(cell(score).text);
    found += answer->second->score.has_value();
  });
  if (found == 0) {
    refuse(file.string(), fmt::format("scores none of the answers in {}", answers.file),
           "Give the results that VLMEvalKit made of that file.");
  }
  answers.score_name = score;
}

}  // namespace scalselect::eval
