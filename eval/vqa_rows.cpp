#include "eval/vqa_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "core/base64.h"
#include "core/error.h"
#include "core/files.h"
#include "data/byte_stream.h"
#include "data/containers/open.h"
#include "data/containers/parquet.h"
#include "data/picture_ref.h"
#include "data/python_json.h"
#include "eval/csv.h"
#include "eval/json_files.h"
#include "eval/python_literal.h"
#include "eval/text.h"
#include "eval/text_files.h"
#include "eval/tsv.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A shorter image cell of a TSV may be the index of another row; a longer text without a period is base64, not a path.
constexpr std::size_t kLongestReference = 64;

// A row of a table. Empty cells are null, so that a column without a text differs from one that the file lacks.
json table_row(const std::vector<std::string>& columns, const std::function<std::string(std::size_t)>& cell) {
  json row = json::object();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::string text = cell(i);
    row[columns[i]] = text.empty() ? json() : json(std::move(text));
  }
  return row;
}

void visit_tsv(const fs::path& file, const RowVisitor& visit) {
  const TsvTable table = TsvTable::read(file);
  std::unordered_map<std::string, std::size_t> rows;
  const bool refers = table.has("index") && table.has("image");
  for (std::size_t row = 0; refers && row < table.rows(); ++row) rows.emplace(table.cell(row, "index"), row);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string where = fmt::format("{}: line {}", file.string(), table.line(row));
    json object = table_row(table.columns(), [&](std::size_t i) { return table.cell(row, table.columns()[i]); });
    // What is no index of the file is a path, which a reader of pictures looks up.
    if (refers && has_json(object, "image")) {
      auto& cell = object["image"].get_ref<std::string&>();
      const auto found = cell.size() <= kLongestReference ? rows.find(cell) : rows.end();
      auto other = found == rows.end() ? std::string() : table.cell(found->second, "image");
      if (!other.empty()) cell = std::move(other);
    }
    visit(object, where);
  }
}

void visit_csv(const fs::path& file, const RowVisitor& visit) {
  for_each_csv_row(file, [&](const std::vector<std::string>& columns, const std::vector<std::string>& cells,
                             std::size_t line) {
    visit(table_row(columns, [&](std::size_t i) { return cells[i]; }), fmt::format("{}: line {}", file.string(), line));
  });
}

void visit_container(const fs::path& file, const RowVisitor& visit, const BadRowVisitor& bad) {
  const auto container = open_container(file);
  const auto cursor = container->rows(0);
  RawRow raw;
  for (std::size_t number = 0; cursor->next(raw); ++number) {
    const std::string where = fmt::format("{}: row {}", file.string(), number);
    const json row = raw.unreadable.empty() ? parse_python_json(raw.json) : json();
    if (row.is_object()) {
      visit(row, where);
      continue;
    }
    const UserError error(
        ErrorKind::kInput,
        fmt::format("{} is not a JSON object{}", where, raw.unreadable.empty() ? "" : ": " + raw.unreadable),
        "Mend or remove it.");
    if (!bad) throw UserError(error);
    bad(error);
  }
}

// Visits the objects of a list inside an object, or of an object of objects, and forgets each afterwards.
class ElementVisitor {
 public:
  ElementVisitor(const std::string& list, const std::string& file, const RowVisitor& visit, const BadRowVisitor& bad)
      : list_(list), file_(file), visit_(visit), bad_(bad) {}

  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (event == Event::key && depth == 1) member_ = parsed.get<std::string>();
    const bool inside = list_.empty() || member_ == list_;
    if (!inside) return true;
    if (depth == 1 && (event == Event::array_start || event == Event::array_end))
      in_list_ = event == Event::array_start && !list_.empty();
    const bool other = in_list_ && (event == Event::value || event == Event::array_end);
    if (depth != (list_.empty() ? 1 : 2) || (event != Event::object_end && !other)) return true;
    if (other) refuse_element();
    else visit_element(parsed);
    ++count_;
    return false;
  }
  std::size_t count() const { return count_; }

 private:
  void visit_element(json& element) const {
    if (list_.empty()) element["id"] = member_;
    visit_(element, list_.empty() ? fmt::format("{}: '{}'", file_, member_) : place());
  }
  void refuse_element() const {
    const UserError error(ErrorKind::kInput, place() + " is not a JSON object", "Mend or remove it.");
    if (!bad_) throw UserError(error);
    bad_(error);
  }
  std::string place() const { return fmt::format("{}: row {} of '{}'", file_, count_, list_); }

  const std::string& list_;
  const std::string& file_;
  const RowVisitor& visit_;
  const BadRowVisitor& bad_;
  std::string member_;
  bool in_list_ = false;
  std::size_t count_ = 0;
};

void visit_object(const fs::path& file, const std::string& bytes, const std::vector<std::string>& lists,
                  const RowVisitor& visit, const BadRowVisitor& bad) {
  const std::string name = file.string();
  std::string list;
  for (const auto& candidate : lists) {
    if (list.empty() && bytes.find('"' + candidate + '"') != std::string::npos) list = candidate;
  }
  ElementVisitor elements(list, name, visit, bad);
  const json rest = json::parse(
      bytes, [&](int depth, json::parse_event_t event, json& parsed) { return elements(depth, event, parsed); }, false);
  if (rest.is_discarded()) {
    throw UserError(ErrorKind::kInput, name + ": is not valid JSON", "The file may be cut short; fetch it again.");
  }
  if (elements.count() > 0) return;
  throw UserError(ErrorKind::kInput,
                  fmt::format("{}: holds no list of questions{}", name,
                              lists.empty() ? "" : fmt::format(" (looked for '{}')", fmt::join(lists, "', '"))),
                  "Is this the right file of the benchmark?");
}

// An object that ends on the first line, and more lines. Most files of one object have a single line, of any length.
bool is_json_lines(const std::string& text) {
  const auto end = text.find('\n');
  if (text.find_first_not_of(" \r\n\t", end) == std::string::npos) return false;
  return json::accept(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end));
}

std::string first_characters(const fs::path& file) {
  const FileBytes bytes(file);
  std::string head(FileBytes::kHead, '\0');
  try {
    head.resize(bytes.open()->read(head.data(), head.size()));
  } catch (const DamagedStream& error) {
    throw UserError(ErrorKind::kInput, fmt::format("{}: {}", file.string(), error.what()), "Fetch the file again.");
  }
  const std::size_t begin = head.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return begin == std::string::npos ? std::string() : head.substr(begin);
}

void visit_file(const fs::path& file, const std::vector<std::string>& lists, const RowVisitor& visit,
                const BadRowVisitor& bad) {
  const std::string head = first_characters(file);
  if (head.empty()) throw UserError(ErrorKind::kInput, file.string() + ": is empty", "Fetch the file again.");
  if (head[0] == '<') {
    throw UserError(ErrorKind::kInput, file.string() + ": is an HTML page, not a benchmark",
                    "The download ended at a web page, perhaps one that asks to log in; fetch the file itself.");
  }
  const std::string extension = file.extension().string();
  if (extension == ".tsv") return visit_tsv(file, visit);
  if (extension == ".csv") return visit_csv(file, visit);
  if (is_parquet(head) || head[0] == '[') return visit_container(file, visit, bad);
  if (head[0] != '{') {
    throw UserError(ErrorKind::kInput,
                    file.string() + ": is neither a table (.tsv, .csv), JSON, JSON lines nor Parquet");
  }
  if (extension != ".json") return visit_container(file, visit, bad);
  const std::string text = StandardJson(read_text(file)).text;
  if (is_json_lines(text)) return visit_container(file, visit, bad);
  visit_object(file, text, lists, visit, bad);
}

std::string text_value(const json& value, const std::string& what) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  throw UserError(ErrorKind::kInput, what + " is not text");
}

// A text that may be a list as Python writes it.
std::vector<std::string> list_cell(const std::string& text, const std::string& what) {
  if (!text.starts_with('[')) return {text};
  const bool of_strings = text.size() > 1 && (text[1] == '\'' || text[1] == '"');
  try {
    // It would be read as a text, which no answer equals and no file is called.
    if (of_strings && !strip(text).ends_with(']')) throw std::invalid_argument("it does not end with ']'");
    return list_or_text(text);
  } catch (const std::invalid_argument& error) {
    throw UserError(ErrorKind::kInput, fmt::format("{} looks like a list, but {}", what, error.what()),
                    "Write it as Python does: ['a', 'b'].");
  }
}

}  // namespace

std::vector<std::string> row_files(const fs::path& file) {
  if (!fs::is_directory(file)) return {file.string()};
  std::vector<std::string> shards;
  std::set<std::string> splits;
  for (const auto& entry : list_folder(file)) {
    if (entry.extension() != ".parquet") continue;
    const std::string name = entry.stem().string();
    splits.insert(name.substr(0, name.find("-0")));
    shards.push_back(entry.string());
  }
  if (shards.empty()) {
    throw UserError(ErrorKind::kInput, file.string() + ": this folder holds no file of questions that is known",
                    "Set `path` to the file itself, or to a folder with the Parquet shards of one split.");
  }
  if (splits.size() > 1) {
    throw UserError(
        ErrorKind::kInput,
        fmt::format("{}: holds Parquet files of several splits ({})", file.string(), fmt::join(splits, ", ")),
        "Move the shards of one split into a folder of their own, or set `path` to one file.");
  }
  return shards;
}

void for_each_row(const fs::path& file, const std::vector<std::string>& lists, const RowVisitor& visit,
                  const BadRowVisitor& bad) {
  for (const auto& part : row_files(file)) visit_file(part, lists, visit, bad);
}

void for_each_addition(const fs::path& file, const std::vector<std::string>& lists, const RowVisitor& visit) {
  std::optional<UserError> first;
  bool any = false;
  const auto pass = [&](const UserError& error) {
    if (!first) first = error;
  };
  const auto take = [&](const json& row, const std::string& where) {
    try {
      visit(row, where);
      any = true;
    } catch (const UserError& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      pass(error);
    }
  };
  for_each_row(file, lists, take, pass);
  if (first && !any) throw UserError(*first);
}

void QuestionList::add(const std::string& name, const std::function<bool(Question&)>& make) {
  Question question;
  try {
    if (make(question)) questions_.push_back(std::move(question));
  } catch (const UserError& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    if (question.id.empty()) question.id = name;
    question.group = question.cluster = question.id;
    question.unusable = error.problem();
    questions_.push_back(std::move(question));
    if (!first_) first_ = error;
    ++refused_;
  }
}

std::vector<Question> QuestionList::take() {
  if (first_ && refused_ == questions_.size()) throw UserError(*first_);
  return std::move(questions_);
}

std::vector<Question> questions_of(const fs::path& file, const std::vector<std::string>& lists,
                                   const QuestionMaker& make) {
  QuestionList questions;
  std::size_t rows = 0;
  const auto name = [&] { return fmt::format("row {}", rows++); };
  for_each_row(
      file, lists,
      [&](const json& row, const std::string& where) {
        questions.add(name(), [&](Question& question) { return make(row, where, question); });
      },
      [&](const UserError& bad) { questions.add(name(), [&](Question&) -> bool { throw UserError(bad); }); });
  return questions.take();
}

void RowPictures::read(const json& cell, const std::string& where, Question& question) const {
  const auto store = [&](const std::string& bytes) {
    try {
      question.images.push_back(cache_.store(bytes));
    } catch (const std::invalid_argument& error) {
      throw UserError(ErrorKind::kInput, fmt::format("{}: its image cannot be used: {}", where, error.what()));
    }
    question.image_names.push_back(fs::path(question.images.back()).filename().string());
  };
  const auto one = [&](const std::string& text) {
    if (text.empty()) return;  // the folder itself is no picture
    if (is_picture_reference(text)) return store(read_picture(text));
    const bool data_url = text.starts_with("data:") && text.find(',') != std::string::npos;
    if (!data_url && (text.size() <= kLongestReference || text.find('.') != std::string::npos)) {
      question.images.push_back((root_ / text).string());
      question.image_names.push_back(text);
      return;
    }
    std::string bytes;
    try {
      bytes = decode_base64(data_url ? std::string_view(text).substr(text.find(',') + 1) : std::string_view(text));
    } catch (const std::invalid_argument& error) {
      throw UserError(ErrorKind::kInput, fmt::format("{}: its image cannot be decoded: {}", where, error.what()),
                      "A picture is a path, or the base64 of an image file.");
    }
    store(bytes);
  };
  if (cell.is_array()) {
    for (const auto& item : cell) one(text_value(item, where + ": an item of its images"));
  } else if (!cell.is_null()) {
    const std::string what = where + ": its image";
    for (const auto& item : list_cell(text_value(cell, what), what)) one(item);
  }
  if (question.images.empty()) {
    throw UserError(ErrorKind::kInput, where + " has no image", "A row names its picture in `image` or `image_path`.");
  }
  question.cluster = question.image_names.front();
}

std::vector<std::string> text_list(const json& row, const std::string& key, const std::string& where) {
  const auto found = row.find(key);
  if (found == row.end() || found->is_null()) return {};
  std::vector<std::string> texts;
  if (found->is_array()) {
    for (const auto& item : *found) {
      const bool wrapped = item.is_object() && item.contains("answer");
      texts.push_back(text_value(wrapped ? item["answer"] : item, fmt::format("{}: an item of '{}'", where, key)));
    }
    return texts;
  }
  const std::string what = fmt::format("{}: '{}'", where, key);
  return list_cell(text_value(*found, what), what);
}

std::string first_key(const json& row, const std::vector<std::string>& keys) {
  for (const auto& key : keys) {
    if (has_json(row, key.c_str())) return key;
  }
  return {};
}

std::string without(const json& row, const std::vector<std::string>& keys, const std::string& where) {
  for (const auto& key : keys) {
    if (row.contains(key)) return fmt::format("{} has nothing in its column '{}'", where, key);
  }
  std::vector<std::string> has;
  for (const auto& item : row.items()) has.push_back(item.key());
  return fmt::format("{} has {} '{}' (it has {})", where, keys.size() == 1 ? "no column" : "none of the columns",
                     fmt::join(keys, "', '"), fmt::join(has, ", "));
}

std::string text_of(const json& row, const std::vector<std::string>& keys, const std::string& where) {
  const std::string key = first_key(row, keys);
  if (!key.empty()) return text_value(row[key], fmt::format("{}: '{}'", where, key));
  throw UserError(ErrorKind::kInput, without(row, keys, where), "Is this the right benchmark?");
}

std::string optional_text(const json& row, const std::vector<std::string>& keys, const std::string& where) {
  const std::string key = first_key(row, keys);
  if (key.empty()) return {};
  std::string text = text_value(row[key], fmt::format("{}: '{}'", where, key));
  return is_missing_text(text) ? std::string() : text;
}

}  // namespace scalselect::eval
