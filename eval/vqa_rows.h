// Annotation files of any of the usual formats, row by row, and the pictures that rows name or hold.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "eval/images.h"
#include "eval/question.h"

namespace scalselect::eval {

/// A row as a JSON object, and "FILE: line N" or "FILE: row N" for messages.
using RowVisitor = std::function<void(const nlohmann::json& row, const std::string& where)>;
/// A row that is no object, by the error that says so.
using BadRowVisitor = std::function<void(const UserError& error)>;

/// Visits the rows of a file; its format is told by its name and its first bytes:
///   *.tsv, *.csv   a member per column, text as it stands there or null for an empty cell. A cell `image` of a TSV
///                  that is an `index` of the file and has at most 64 characters is replaced by that row's (VLMEvalKit)
///   Parquet        a file, or a folder of the shards of one split; pictures are references (data/picture_ref.h)
///   JSON           a list of objects; an object with such a list under one of `lists`; else an object of objects, each
///                  visited with its name as the member "id". Elements are held one at a time
///   JSON lines     *.jsonl, or a first line that is an object by itself
/// Throws UserError(kInput), naming file and place: none of these (an HTML page is called that), cut short, not UTF-8,
/// an element or a line that is no object (unless `bad` is given to take it).
void for_each_row(const std::filesystem::path& file, const std::vector<std::string>& lists, const RowVisitor& visit,
                  const BadRowVisitor& bad = {});

/// Makes the question of a row; false: the row is none. What it has filled in stays when it throws.
using QuestionMaker = std::function<bool(const nlohmann::json& row, const std::string& where, Question& question)>;

/// The questions of a file, of which some rows may be spoilt.
class QuestionList {
 public:
  /// Adds the question that `make` fills in, if it returns true. If it throws UserError(kInput), the question is one
  /// that cannot be used, with the error's sentence as its reason (called `name`, where no id was found before).
  void add(const std::string& name, const std::function<bool(Question&)>& make);
  /// All of them. Throws the first error of `add` if it is so of every question: the file is another one.
  std::vector<Question> take();

 private:
  std::vector<Question> questions_;
  std::optional<UserError> first_;
  std::size_t refused_ = 0;
};

/// The rows of a file as questions. A row for which `make` throws UserError(kInput) is one that cannot be used, with
/// the error's sentence as its reason (`row N`, from 0, where no id was found before); if this is so of every row, the
/// first error is thrown. Throws what for_each_row throws.
std::vector<Question> questions_of(const std::filesystem::path& file, const std::vector<std::string>& lists,
                                   const QuestionMaker& make);

/// As for_each_row, of a file that only adds to questions (their references, their OCR tokens): a row that is no
/// object, or for which `visit` throws UserError(kInput), is passed over, since the question that misses it will say
/// so. If no row is of use, the first error is thrown.
void for_each_addition(const std::filesystem::path& file, const std::vector<std::string>& lists,
                       const RowVisitor& visit);

/// The files that for_each_row reads.
std::vector<std::string> row_files(const std::filesystem::path& file);

/// Finds the pictures of rows.
class RowPictures {
 public:
  /// Pictures inside the annotation file go to `cache`; others are looked up below `root`.
  RowPictures(const std::string& cache, std::filesystem::path root) : cache_(cache), root_(std::move(root)) {}
  /// Sets images, image_names and cluster (the first name) of `question` from a cell: a path, base64 (with or without
  /// "data:…,"), a reference to Parquet, or a list of these. Throws UserError(kInput) that begins with `where` if it is
  /// none of these.
  void read(const nlohmann::json& cell, const std::string& where, Question& question) const;

 private:
  ImageCache cache_;
  std::filesystem::path root_;
};

/// A member as a list of texts: a list of texts or numbers, or of objects with a text `answer`; a text, which may be a
/// list as Python writes it. Empty if the member is absent or null. Throws UserError(kInput) that begins with `where`.
std::vector<std::string> text_list(const nlohmann::json& row, const std::string& key, const std::string& where);

/// The first of `keys` that the row has and that is not null; an empty text if it has none.
std::string first_key(const nlohmann::json& row, const std::vector<std::string>& keys);

/// "<where> has no column 'x' (it has a, b)", or that it has nothing in it: why first_key found none of `keys`.
std::string without(const nlohmann::json& row, const std::vector<std::string>& keys, const std::string& where);

/// The text of the first of `keys` that the row has. Throws UserError(kInput) that says `without`.
std::string text_of(const nlohmann::json& row, const std::vector<std::string>& keys, const std::string& where);

/// As text_of, but an empty text if the row has none, or a text that pandas reads as missing.
std::string optional_text(const nlohmann::json& row, const std::vector<std::string>& keys, const std::string& where);

}  // namespace scalselect::eval
