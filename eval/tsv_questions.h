// Questions from VLMEvalKit's TSV files (docs/benchmarks.md, "Files").
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "eval/tsv.h"

namespace scalselect::eval {

/// Whether a table without an `answer` column is refused. Without one, every question's answers are {""}.
enum class Answers { kRequired, kOptional };

/// Rows of `table` as questions: id = index, question, hint, options A..Z, answers = {answer}, category, splits =
/// {l2-category}, images, cluster = identity of the image. The benchmark makes the prompts.
///
/// Images: base64 (decoded into `image_cache`), the index of another row (one hop), a list literal of several, or, in a
/// table without an `image` column, paths in `image_path` below `image_root`. A row without an image, or with one that
/// cannot be decoded, has its reason in `unusable`; VLMEvalKit drops the former and fails on the latter. Cells that
/// pandas reads as missing count as missing, so an option whose text is "None" is not an option; LLaVA's style also
/// ends the options at the first one that is missing or reads nan/none. Questions are in the order of rows. Throws
/// UserError(kInput), naming file and column, for a table that lacks one.
std::vector<Question> tsv_questions(const TsvTable& table, PromptStyle style, const std::string& image_cache,
                                    const std::filesystem::path& image_root, Answers answers = Answers::kRequired);

/// The options among a row's columns A, B, …, empty cells included, that `style` shows: none that reads as missing, and
/// in LLaVA's style none behind one that does.
std::vector<Option> shown_options(const std::vector<Option>& cells, PromptStyle style);

/// True for a path that ends in ".tsv".
bool is_tsv(const std::string& path);

/// Folder in which `image_path` is looked up: options.images, else the table's folder.
std::filesystem::path tsv_image_root(const BenchmarkOptions& options);

}  // namespace scalselect::eval
