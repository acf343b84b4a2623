#include "eval/upload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "eval/text.h"
#include "eval/tsv.h"
#include "eval/vqa_rows.h"
#include "eval/vqa_text.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Predictions = std::span<const Prediction>;

// As Python's json module writes it, which the servers' own examples are.
std::string quoted(const json& value) { return value.dump(-1, ' ', true, json::error_handler_t::replace); }

// A list of objects of two members each.
class PairList {
 public:
  PairList(std::string first, std::string second) : first_(std::move(first)), second_(std::move(second)) {}
  void add(const json& first, const json& second) {
    text_ += fmt::format("{}{{\"{}\": {}, \"{}\": {}}}", text_.empty() ? "" : ", ", first_, quoted(first), second_,
                         quoted(second));
  }
  std::string text() const { return "[" + text_ + "]"; }

 private:
  std::string first_, second_, text_;
};

std::unordered_map<std::string, const Prediction*> by_id(const Benchmark& benchmark, Predictions predictions) {
  std::unordered_map<std::string, const Prediction*> found;
  for (const auto& prediction : predictions) {
    if (found.emplace(prediction.question.id, &prediction).second) continue;
    throw UserError(ErrorKind::kInput, fmt::format("benchmark '{}': question '{}' has two answers", benchmark.name(),
                                                   prediction.question.id));
  }
  return found;
}

// The benchmark's file or folder, which a file of answers does not name.
fs::path place_of(const Benchmark& benchmark, const std::string& remedy) {
  fs::path path = benchmark.options().path;
  if (!path.empty()) return path;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("what the server of '{}' takes is made from the benchmark's own file, and no path of it "
                              "is given",
                              benchmark.name()),
                  remedy);
}

fs::path all_ids(const Benchmark& benchmark, const fs::path& given) {
  if (!given.empty()) return given;
  const fs::path path = place_of(benchmark, "Give path=FILE, or questions= the file of all ids of test2015.");
  const fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  const std::vector<std::string> names = {"llava_vqav2_mscoco_test2015.jsonl",
                                          "v2_OpenEnded_mscoco_test2015_questions.json"};
  for (const auto& name : names) {
    if (fs::exists(folder / name)) return folder / name;
  }
  throw UserError(ErrorKind::kInput, fmt::format("{}: neither {} is here", folder.string(), fmt::join(names, " nor ")),
                  "VQAv2's server wants every id of test2015, also of questions that were not asked.");
}

std::string vqav2(const Benchmark& benchmark, Predictions predictions, const fs::path& given) {
  const fs::path ids = all_ids(benchmark, given);
  auto unused = by_id(benchmark, predictions);
  PairList list("question_id", "answer");
  for_each_row(ids, {"questions"}, [&](const json& row, const std::string& where) {
    const auto found = unused.find(text_of(row, {"question_id"}, where));
    list.add(row["question_id"], found == unused.end() ? std::string() : mmf_answer(found->second->response));
    if (found != unused.end()) unused.erase(found);
  });
  if (unused.empty()) return list.text();
  throw UserError(ErrorKind::kInput,
                  fmt::format("{}: {} answered questions are not in it, for example '{}'", ids.string(), unused.size(),
                              unused.begin()->first),
                  "The file must list the whole test set that the answers belong to.");
}

std::string vizwiz(const Benchmark& benchmark, Predictions predictions, const fs::path&) {
  by_id(benchmark, predictions);
  PairList list("image", "answer");
  for (const auto& prediction : predictions) {
    list.add(prediction.question.image_names.at(0), mmf_answer(prediction.response));
  }
  return list.text();
}

std::string docvqa(const Benchmark& benchmark, Predictions predictions, const fs::path&) {
  by_id(benchmark, predictions);
  PairList list("questionId", "answer");
  for (const auto& prediction : predictions) {
    const std::string& id = prediction.question.id;
    const bool number = !id.empty() && id.size() < 18 && id.find_first_not_of("0123456789") == std::string::npos;
    list.add(number ? json(std::stoll(id)) : json(id), strip(prediction.response));
  }
  return list.text();
}

std::string tsv_cell(const std::string& text) {
  if (text.find_first_of("\t\n\r\"") == std::string::npos) return text;
  return '"' + replace_all(text, "\"", "\"\"") + '"';
}

std::string tsv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += (i == 0 ? "" : "\t") + tsv_cell(cells[i]);
  return line + "\n";
}

std::string mmbench(const Benchmark& benchmark, Predictions predictions, const fs::path&) {
  constexpr std::size_t kPlace = 6;  // after index, question and four options
  const std::vector<std::string> dropped = {"hint", "category", "source", "image", "comment", "l2-category"};
  const TsvTable table = TsvTable::read(place_of(benchmark, "Give path=FILE.tsv, the table that was answered."));
  const auto answers = by_id(benchmark, predictions);
  std::vector<std::string> kept;
  for (const auto& column : table.columns()) {
    if (std::find(dropped.begin(), dropped.end(), column) == dropped.end()) kept.push_back(column);
  }
  const auto place = static_cast<std::ptrdiff_t>(std::min(kPlace, kept.size()));
  auto header = kept;
  header.insert(header.begin() + place, "prediction");
  std::string text = tsv_line(header);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto found = answers.find(table.cell(row, "index"));
    if (found == answers.end()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{}: question '{}' has no answer", table.file().string(), table.cell(row, "index")),
                      "Evaluate the whole file, every rotation (`circular=file`, no `limit`).");
    }
    std::vector<std::string> cells;
    for (const auto& column : kept) cells.push_back(table.cell(row, column));
    cells.insert(cells.begin() + place, found->second->response);
    text += tsv_line(cells);
  }
  return text;
}

struct Upload {
  const char* kind;
  const char* extension;
  std::string (*write)(const Benchmark&, Predictions, const fs::path& all_questions);
};

constexpr Upload kUploads[] = {
    {"vqav2", ".json", vqav2}, {"vizwiz", ".json", vizwiz}, {"docvqa", ".json", docvqa}, {"mmbench", ".tsv", mmbench}};

const Upload& upload_of(const std::string& kind) {
  for (const auto& upload : kUploads) {
    if (kind == upload.kind) return upload;
  }
  throw UserError(ErrorKind::kUsage, fmt::format("benchmark kind '{}' has no server that takes answers", kind),
                  fmt::format("There is one for {}.", fmt::join(upload_kinds(), ", ")));
}

}  // namespace

std::vector<std::string> upload_kinds() {
  std::vector<std::string> kinds;
  for (const auto& upload : kUploads) kinds.emplace_back(upload.kind);
  return kinds;
}

std::string upload_extension(const std::string& kind) { return upload_of(kind).extension; }

std::string upload_text(const Benchmark& benchmark, Predictions predictions, const fs::path& all_questions) {
  return upload_of(benchmark.options().kind).write(benchmark, predictions, all_questions);
}

}  // namespace scalselect::eval
