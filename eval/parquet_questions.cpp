#include "eval/parquet_questions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "core/error.h"
#include "data/containers/parquet.h"
#include "data/picture_ref.h"
#include "data/python_json.h"
#include "eval/images.h"
#include "eval/text_files.h"
#include "eval/tsv.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool is_parquet_name(const fs::path& file) { return file.extension() == ".parquet"; }

// "dev" of dev-00000-of-00003-abc.parquet.
std::string split_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  return stem.substr(0, stem.find('-'));
}

// Puts the picture that `cell` refers to in place.
void take_picture(const json& cell, const ImageCache& cache, Question& question) {
  if (!cell.is_string() || !is_picture_reference(cell.get<std::string>())) {
    throw std::invalid_argument("it has no image");
  }
  const std::string file = cache.store(read_picture(cell.get<std::string>()));
  question.images = {file};
  question.image_names = {fs::path(file).filename().string()};
  question.cluster = question.image_names.front();
}

}  // namespace

bool is_parquet_path(const std::string& path) {
  if (!fs::is_directory(path)) return is_parquet_name(path);
  const auto entries = list_folder(path);
  return std::any_of(entries.begin(), entries.end(), is_parquet_name);
}

std::vector<fs::path> parquet_files(const std::string& path, bool all_splits) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  std::set<std::string> splits;
  for (const auto& entry : list_folder(path)) {
    if (!is_parquet_name(entry)) continue;
    files.push_back(entry);
    splits.insert(split_of(entry));
  }
  if (splits.size() > 1 && !all_splits) {
    throw UserError(ErrorKind::kInput, fmt::format("{}: holds several splits ({})", path, fmt::join(splits, ", ")),
                    "Set `path` to one file, or to a folder with the files of one split.");
  }
  return files;
}

std::vector<std::string> one_or_parquet(const std::string& path, bool all_splits) {
  if (!is_parquet_path(path)) return {path};
  std::vector<std::string> names;
  for (const auto& file : parquet_files(path, all_splits)) names.push_back(file.string());
  return names;
}

void for_each_parquet_row(const std::vector<fs::path>& files, const std::vector<std::string>& columns,
                          const std::string& image_cache,
                          const std::function<void(const json& row, Question& question)>& visit) {
  const ImageCache cache(image_cache);
  std::int64_t number = 0;
  for (const auto& file : files) {
    const auto container = open_parquet(file);
    const auto cursor = container->rows(0);
    std::int64_t in_file = 0;
    for (RawRow raw; cursor->next(raw); ++number, ++in_file) {
      Question question;
      question.id = question.group = std::to_string(number);
      const json row = json::parse(StandardJson(raw.json).text, nullptr, false);
      if (!row.is_object()) {
        question.unusable = fmt::format("row {} of {} cannot be read: {}", in_file, file.string(), raw.unreadable);
        visit(json::object(), question);
        continue;
      }
      for (const auto& column : columns) {
        if (row.contains(column)) continue;
        std::vector<std::string> names;
        for (const auto& [name, value] : row.items()) names.push_back(name);
        throw UserError(
            ErrorKind::kInput,
            fmt::format("{}: column '{}' is missing (the file has {})", file.string(), column, fmt::join(names, ", ")),
            "Is this the right benchmark?");
      }
      try {
        take_picture(row.value("image", json()), cache, question);
      } catch (const std::exception& error) {
        question.unusable = fmt::format("row {} of {}: {}", in_file, file.string(), error.what());
      }
      visit(row, question);
    }
  }
}

std::string parquet_text(const json& row, const char* column) {
  const auto found = row.find(column);
  if (found == row.end() || found->is_null()) return {};
  std::string text = found->is_string() ? found->get<std::string>() : found->dump();
  return is_missing_text(text) ? std::string() : text;
}

std::vector<Option> parquet_options(const json& row, const char* column) {
  std::vector<Option> options;
  const auto found = row.find(column);
  if (found == row.end() || !found->is_array()) return options;
  for (const auto& item : *found) {
    options.push_back({std::string(1, static_cast<char>('A' + options.size())),
                       item.is_string() ? item.get<std::string>() : item.dump()});
  }
  return options;
}

}  // namespace scalselect::eval
