#include "eval/tsv_questions.h"

#include <fmt/format.h>

#include <map>
#include <stdexcept>
#include <unordered_map>

#include "core/base64.h"
#include "eval/images.h"
#include "eval/python_literal.h"
#include "eval/text.h"

namespace scalselect::eval {
namespace {

constexpr std::size_t kLongestReference = 64;  // a shorter image cell is the index of another row

// Why a row cannot be used.
struct BadRow : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::vector<std::string> cell_list(const TsvTable& table, std::size_t row, std::string_view column) {
  try {
    return list_or_text(table.cell(row, column));
  } catch (const std::invalid_argument& error) {
    throw BadRow(fmt::format("column '{}' looks like a list, but {}", column, error.what()));
  }
}

// Finds and decodes images of rows; equal references are decoded once.
class ImageReader {
 public:
  ImageReader(const TsvTable& table, const std::string& cache, const std::filesystem::path& root)
      : table_(table), cache_(cache), root_(root), inside_(table.has("image")) {
    if (!inside_) table.require({"image_path"});
    for (std::size_t row = 0; row < table.rows(); ++row) rows_.emplace(table.cell(row, "index"), row);
  }

  bool absent(std::size_t row) const { return table_.missing(row, inside_ ? "image" : "image_path"); }

  void read(std::size_t row, Question& question) {
    if (!inside_) {
      for (const auto& name : cell_list(table_, row, "image_path")) {
        question.images.push_back((root_ / name).string());
        question.image_names.push_back(name);
      }
      return;
    }
    for (const auto& path : decoded(source_row(row))) {
      question.images.push_back(path);
      question.image_names.push_back(std::filesystem::path(path).filename().string());
    }
  }

 private:
  // The row that holds the base64 of `row`'s image.
  std::size_t source_row(std::size_t row) const {
    const std::string& cell = table_.cell(row, "image");
    if (cell.size() > kLongestReference) return row;
    const auto found = rows_.find(cell);
    if (found == rows_.end() || table_.missing(found->second, "image")) {
      throw BadRow(fmt::format("its image cell refers to index '{}', which has no image", cell));
    }
    if (table_.cell(found->second, "image").size() <= kLongestReference) {
      throw BadRow(fmt::format("its image cell refers to index '{}', which is itself a reference", cell));
    }
    return found->second;
  }

  const std::vector<std::string>& decoded(std::size_t row) {
    const auto known = decoded_.find(row);
    if (known != decoded_.end()) return known->second;
    std::vector<std::string> paths;
    try {
      for (const auto& item : list_or_text(table_.cell(row, "image")))
        paths.push_back(cache_.store(decode_base64(item)));
    } catch (const std::invalid_argument& error) {
      throw BadRow(fmt::format("column 'image' cannot be decoded: {}", error.what()));
    }
    return decoded_[row] = std::move(paths);
  }

  const TsvTable& table_;
  ImageCache cache_;
  std::filesystem::path root_;
  bool inside_;
  std::unordered_map<std::string, std::size_t> rows_;
  std::map<std::size_t, std::vector<std::string>> decoded_;
};

std::vector<Option> read_options(const TsvTable& table, std::size_t row, PromptStyle style) {
  std::vector<Option> cells;
  for (char label = 'A'; label <= 'Z'; ++label) {
    const std::string column(1, label);
    if (table.has(column)) cells.push_back({column, table.cell(row, column)});
  }
  return shown_options(cells, style);
}

}  // namespace

std::vector<Question> tsv_questions(const TsvTable& table, PromptStyle style, const std::string& image_cache,
                                    const std::filesystem::path& image_root, Answers answers) {
  table.require({"index", "question"});
  if (answers == Answers::kRequired) table.require({"answer"});
  ImageReader images(table, image_cache, image_root);
  std::vector<Question> questions;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    Question question;
    question.id = table.cell(row, "index");
    question.group = question.id;
    question.question = table.text(row, "question");
    question.hint = table.text(row, "hint");
    question.options = read_options(table, row, style);
    question.answers = {table.cell(row, "answer")};
    question.category = table.text(row, "category");
    if (const auto level2 = table.text(row, "l2-category"); !level2.empty()) question.splits = {level2};
    try {
      if (images.absent(row)) throw BadRow("it has no image");
      images.read(row, question);
      question.cluster = question.image_names.front();
    } catch (const BadRow& error) {
      question.unusable = fmt::format("line {}: {}", table.line(row), error.what());
    }
    questions.push_back(std::move(question));
  }
  return questions;
}

std::vector<Option> shown_options(const std::vector<Option>& cells, PromptStyle style) {
  std::vector<Option> options;
  for (const auto& cell : cells) {
    const std::string low = lower(cell.text);
    const bool missing =
        is_missing_text(cell.text) || (style == PromptStyle::kLlava && (low == "nan" || low == "none"));
    if (!missing) options.push_back(cell);
    if (missing && style == PromptStyle::kLlava) break;
  }
  return options;
}

bool is_tsv(const std::string& path) { return path.ends_with(".tsv"); }

std::filesystem::path tsv_image_root(const BenchmarkOptions& options) {
  return options.images.empty() ? std::filesystem::path(options.path).parent_path()
                                : std::filesystem::path(options.images);
}

}  // namespace scalselect::eval
