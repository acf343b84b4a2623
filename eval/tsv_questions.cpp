#include "eval/tsv_questions.h"

#include <fmt/format.h>

#include <map>
#include <stdexcept>
#include <unordered_map>

#include "core/base64.h"
#include "core/error.h"
#include "core/log.h"
#include "eval/images.h"
#include "eval/python_literal.h"
#include "eval/text.h"

namespace scalselect::eval {
namespace {

constexpr std::size_t kLongestReference = 64;  // a shorter image cell is the index of another row

[[noreturn]] void fail(const TsvTable& table, std::size_t row, const std::string& problem, const std::string& remedy) {
  throw UserError(ErrorKind::kInput,
                  fmt::format("{}: line {} (index '{}'): {}", table.file().string(), table.line(row),
                              table.cell(row, "index"), problem),
                  remedy);
}

std::vector<std::string> cell_list(const TsvTable& table, std::size_t row, std::string_view column) {
  try {
    return list_or_text(table.cell(row, column));
  } catch (const std::invalid_argument& error) {
    fail(table, row, fmt::format("column '{}' looks like a list, but {}", column, error.what()),
         "Write it as Python does: ['a', 'b'].");
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
      fail(table_, row, fmt::format("its image cell refers to index '{}', which has no image", cell),
           "A short image cell must be the index of a row that holds a base64 image.");
    }
    if (table_.cell(found->second, "image").size() <= kLongestReference) {
      fail(table_, row, fmt::format("its image cell refers to index '{}', which is itself a reference", cell),
           "References go one step only.");
    }
    return found->second;
  }

  const std::vector<std::string>& decoded(std::size_t row) {
    const auto [place, added] = decoded_.try_emplace(row);
    if (!added) return place->second;
    try {
      for (const auto& item : list_or_text(table_.cell(row, "image"))) {
        place->second.push_back(cache_.store(decode_base64(item)));
      }
    } catch (const std::invalid_argument& error) {
      fail(table_, row, fmt::format("column 'image' cannot be decoded: {}", error.what()),
           "The cell must be the base64 of an image file, without a 'data:' prefix.");
    }
    return place->second;
  }

  const TsvTable& table_;
  ImageCache cache_;
  std::filesystem::path root_;
  bool inside_;
  std::unordered_map<std::string, std::size_t> rows_;
  std::map<std::size_t, std::vector<std::string>> decoded_;
};

std::vector<Option> read_options(const TsvTable& table, std::size_t row, PromptStyle style) {
  std::vector<Option> options;
  for (char label = 'A'; label <= 'Z'; ++label) {
    const std::string column(1, label);
    if (!table.has(column)) continue;
    const std::string& text = table.cell(row, column);
    const std::string low = lower(text);
    const bool missing = is_missing_text(text) || (style == PromptStyle::kLlava && (low == "nan" || low == "none"));
    if (!missing) options.push_back({column, text});
    if (missing && style == PromptStyle::kLlava) break;
  }
  return options;
}

}  // namespace

std::vector<Question> tsv_questions(const TsvTable& table, PromptStyle style, const std::string& image_cache,
                                    const std::filesystem::path& image_root) {
  table.require({"index", "question", "answer"});
  ImageReader images(table, image_cache, image_root);
  std::vector<Question> questions;
  std::size_t dropped = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (images.absent(row)) {
      ++dropped;
      continue;
    }
    Question question;
    question.id = table.cell(row, "index");
    question.group = question.id;
    question.question = table.text(row, "question");
    question.hint = table.text(row, "hint");
    question.options = read_options(table, row, style);
    question.answers = {table.cell(row, "answer")};
    question.category = table.text(row, "category");
    if (const auto level2 = table.text(row, "l2-category"); !level2.empty()) question.splits = {level2};
    images.read(row, question);
    question.cluster = question.image_names.front();
    questions.push_back(std::move(question));
  }
  if (dropped > 0) log_warning("{}: {} rows without an image are left out", table.file().string(), dropped);
  return questions;
}

bool is_tsv(const std::string& path) { return path.ends_with(".tsv"); }

std::filesystem::path tsv_image_root(const BenchmarkOptions& options) {
  return options.images.empty() ? std::filesystem::path(options.path).parent_path()
                                : std::filesystem::path(options.images);
}

}  // namespace scalselect::eval
