// What benchmarks with open answers share: the table of answer rules, accuracy by group, reading of rows.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "eval/vqa_rows.h"
#include "eval/vqa_rules.h"

namespace scalselect::eval {

/// Questions whose answer is a text that is compared with references. A test set, none of whose questions has
/// references, is asked and has no metrics.
class OpenAnswer : public Benchmark {
 public:
  /// Throws UserError(kUsage) if the answers have no such matcher. `metric` is the name of the main metric.
  OpenAnswer(BenchmarkOptions options, OpenAnswerKind kind, std::string metric = "accuracy");

  /// value: the answer as it is compared; rule: "normalized", or "none" for an empty answer, or where yes or no is
  /// asked and neither is found.
  Parsed parse(const Question& question, const std::string& raw) const override;
  std::vector<Matcher> matchers() const override { return matchers_of(kind_); }
  double score(const Question& question, const Parsed& parsed) const override;
  bool references_optional() const override { return true; }

 protected:
  std::vector<std::string> annotation_files() const override { return row_files(options_.path); }
  std::vector<std::string> default_columns() const override { return {metric_}; }
  /// The mean score in percent: overall, then by "split/X" and "category/X". chance: a fair coin at questions whose
  /// first reference is yes or no, else 0. majority: the best of the references that would score most, given to every
  /// question.
  std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                   std::span<const std::int32_t> clusters) const override;

 private:
  /// What is needed to score questions, parallel to them.
  struct Scored {
    std::span<const Question> questions;
    std::span<const Outcome> outcomes;
    std::span<const std::int32_t> clusters;
    std::vector<std::vector<std::string>> references;  ///< as they are compared
  };
  MetricStats mean_score(const std::string& name, const std::string& label, const std::vector<std::size_t>& rows,
                         const Scored& scored) const;

  OpenAnswerKind kind_;
  const AnswerRule& rule_;
  std::string metric_;
};

/// Names of the members of a row; of each list the first that the row has counts.
struct RowKeys {
  std::vector<std::string> id, question, answers, category, split;
};

/// What a row says of its question, without prompt and pictures: id, group (the id), question, answers, category,
/// splits. Throws UserError(kInput) that begins with `where` for a row without id or question, or with an empty list of
/// answers.
void open_question(const nlohmann::json& row, const RowKeys& keys, const std::string& where, Question& question);

/// Throws UserError(kInput), naming the question, where soft accuracy has a single reference: it would always be 0.
void require_several_references(const Question& question, const std::string& where);

/// The rows that each group has, by "split/X" and "category/X".
std::map<std::string, std::vector<std::size_t>> rows_by_group(std::span<const Question> questions);

/// Questions without references cannot be used if others have some: a file has them for all, or is a test set.
void mark_unreferenced(std::vector<Question>& questions);

/// The folder that `options.images` names, or else the first of `usual` that exists, or else the folder of the file.
std::filesystem::path image_folder(const BenchmarkOptions& options, const std::vector<std::filesystem::path>& usual);

/// `path` itself unless it is a folder; of a folder the first of `names` that it holds, each a path below it. Throws
/// UserError(kInput) that lists the names, unless the folder holds Parquet shards, which are returned as the folder.
std::filesystem::path find_file(const std::filesystem::path& path, const std::vector<std::string>& names);

}  // namespace scalselect::eval
