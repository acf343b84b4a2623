// A benchmark: where its questions come from, how prompts are made, how answers are read and how scores add up.
//
// Formats, prompts, rules and the harnesses they come from: docs/benchmarks.md. To add a benchmark write one .cpp with
// a subclass and add one line to registry.cpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "eval/custom_options.h"
#include "eval/question.h"

namespace scalselect::eval {

/// Whose prompt text is used (docs/benchmarks.md, "Prompts").
enum class PromptStyle {
  kLlava,              ///< haotian-liu/LLaVA's evaluation scripts: the default, as the models here are LLaVA-like
  kVlmEvalKit,         ///< VLMEvalKit's LLaVA wrapper: bare questions for yes/no and OCR sets
  kVlmEvalKitDefault,  ///< VLMEvalKit's dataset default for multiple choice ("Question: … Options: …")
  kVlmEvalKitQwen2,    ///< VLMEvalKit's custom prompts of Qwen2-VL and Qwen2.5-VL
  kVlmEvalKitQwen3,    ///< VLMEvalKit's custom prompts of Qwen3-VL
  kLmmsEval,           ///< lmms-eval's tasks, for LLaVA-like models
  kLmmsEvalQwen,       ///< lmms-eval's tasks, for its `qwen_vl`
};

/// Which rules read the answer (eval/matchers.h). They change over time, so each is a named version.
enum class Matcher {
  kDefault,   ///< vk-2026 for multiple choice, official for the others
  kVk2024,    ///< VLMEvalKit before 2025-08
  kVk2025,    ///< 2025-08 to 2026-06
  kVk2026,    ///< since 2026-06-17
  kOfficial,  ///< the benchmark's own script: POPE, MME, OCRBench, LLaVA's ScienceQA
  kLmmsEval,  ///< lmms-eval's tasks
  kStrict,    ///< this project's: a lone letter (or yes/no) in any punctuation, or exactly one option's full text
};

/// MMBench: what a question is.
enum class Circular {
  kFile,    ///< CircularEval over the rotations that the file holds (index + r * 1,000,000); a missing one is an error
  kExpand,  ///< the file holds first rotations only, the others are made here
  kOff,     ///< first rotations only, plain accuracy
};

struct BenchmarkOptions {
  std::string kind;     ///< "mmbench", "pope", ...: benchmark_kinds() (eval/registry.h) lists them
  std::string name;     ///< identity in records and cache keys, e.g. "mini-mmbench"; default: the kind
  std::string display;  ///< printed name, e.g. "mini-MMBench"; default: the kind's usual one
  std::string path;     ///< file or folder, see the kind
  std::string images;   ///< image folder; default: the kind's usual place beside `path`
  std::string skills;   ///< skill sidecar (see eval/skills.h); default: `skills.jsonl` beside the questions, if there
  std::string language = "en";  ///< "cn" makes LLaVA's prompt ask in Chinese
  PromptStyle style = PromptStyle::kLlava;
  Matcher matcher = Matcher::kDefault;
  Circular circular = Circular::kFile;
  std::vector<std::string> columns;   ///< metrics to show as table columns; default: the kind's
  std::int64_t limit = 0;             ///< first questions only (0 = all); for trials
  std::optional<int> max_new_tokens;  ///< of an answer; default: the evaluation's
  std::optional<bool> ocr_tokens;     ///< TextVQA: OCR tokens in the prompt; default: in LLaVA's style only
  CustomOptions custom;               ///< kind "custom": what the columns of a user's own file mean

  template <class Visitor>
  static void describe(Visitor& v, BenchmarkOptions& o) {
    v.field("kind", o.kind, "which benchmark: mmbench, pope, mme, ...");
    v.field("name", o.name, "identity in records; default: the kind");
    v.field("display", o.display, "name in tables; default: the kind's");
    v.field("path", o.path, "benchmark file or folder");
    v.field("images", o.images, "image folder; default: the usual place beside path");
    v.field("skills", o.skills, "file of skill tags; default: skills.jsonl beside the questions, if there");
    v.field("language", o.language, "en or cn");
    v.choice("style", o.style,
             {{"llava", PromptStyle::kLlava},
              {"vlmevalkit", PromptStyle::kVlmEvalKit},
              {"vlmevalkit-default", PromptStyle::kVlmEvalKitDefault},
              {"vlmevalkit-qwen2", PromptStyle::kVlmEvalKitQwen2},
              {"vlmevalkit-qwen3", PromptStyle::kVlmEvalKitQwen3},
              {"lmms-eval", PromptStyle::kLmmsEval},
              {"lmms-eval-qwen", PromptStyle::kLmmsEvalQwen}},
             "whose prompt text");
    v.choice("matcher", o.matcher,
             {{"default", Matcher::kDefault},
              {"vk-2024", Matcher::kVk2024},
              {"vk-2025", Matcher::kVk2025},
              {"vk-2026", Matcher::kVk2026},
              {"official", Matcher::kOfficial},
              {"lmms-eval", Matcher::kLmmsEval},
              {"strict", Matcher::kStrict}},
             "whose answer rules");
    v.choice("circular", o.circular,
             {{"file", Circular::kFile}, {"expand", Circular::kExpand}, {"off", Circular::kOff}},
             "MMBench's rotations");
    v.field("columns", o.columns, "metrics shown as table columns; default: the kind's");
    v.field("limit", o.limit, "first questions only, 0 = all", Range{0, 1e12});
    v.field("max_new_tokens", o.max_new_tokens, "length limit of its answers; null: eval.max_new_tokens",
            Range{1, 1e6});
    v.field("ocr_tokens", o.ocr_tokens, "TextVQA: OCR tokens in the prompt, null: in LLaVA's style only");
    v.field("custom", o.custom, "kind custom: what the columns of your own file mean");
  }
};

/// A number of a benchmark. `value` and the levels are in the metric's own unit, 0..scale_max.
struct Metric {
  std::string name;     ///< "f1", "perception", "skill/count", ...; unique within a benchmark
  std::string display;  ///< "mini-POPE", "MME-P", ...
  double value = 0;
  double scale_max = 100;
  double chance = 0;    ///< expected value of independent fair guessing, computed from the questions
  double majority = 0;  ///< value of the best constant answer
  bool higher_is_better = true;
  bool column = false;  ///< shown in the table and counted in Rel.
  std::int64_t questions = 0;
};

/// A metric as a function of sums over clusters, so that a bootstrap replicate is a weighted sum.
struct MetricStats {
  struct Entry {
    std::int32_t cluster = 0;  ///< index into ScoredBenchmark::clusters
    std::int32_t slot = 0;
    double amount = 0;
  };
  Metric metric;
  std::int32_t slots = 0;
  std::vector<Entry> entries;  ///< ordered by cluster; at most one per (cluster, slot)
  std::function<double(std::span<const double> sums)> formula;

  /// The value under cluster weights (`weights[c]` = times cluster c was drawn).
  double value(std::span<const double> weights) const;
};

struct Cluster {
  std::string stratum, name;
  auto operator<=>(const Cluster&) const = default;
};

/// All scores of one benchmark under one model.
struct ScoredBenchmark {
  std::string name, family;          ///< benchmarks of a family share their draws (MMBench-En and -Cn)
  std::vector<Cluster> clusters;     ///< sorted, unique
  std::vector<MetricStats> metrics;  ///< columns first
  double unreadable = 0;             ///< share of answers that no rule could read, 0..1
  const MetricStats* find(const std::string& metric) const;  ///< nullptr if there is none
};

/// What is done to find out whether a question's pictures can be used.
enum class PictureCheck {
  kNone,    ///< nothing: answers that exist already are scored without pictures
  kEnds,    ///< first and last bytes are read; what is in doubt is decoded
  kDecode,  ///< every picture is decoded, once, on all threads
};

class Benchmark {
 public:
  explicit Benchmark(BenchmarkOptions options);
  virtual ~Benchmark() = default;

  const BenchmarkOptions& options() const { return options_; }
  const std::string& name() const { return options_.name; }
  const std::string& display() const { return options_.display; }
  /// Benchmarks that ask about the same images share a family; default: the kind.
  virtual std::string family() const { return options_.kind; }

  /// Reads options().path. Images inside the file (base64) are decoded into `image_cache`, named by their SHA-256.
  /// A row that cannot be used (missing or broken image, repeated id, answer that is none) is listed with its reason,
  /// and so are those scored together with it. Throws UserError(kInput), naming file and row, where nothing can be
  /// used: missing file or column, another format.
  Loaded load_usable(const std::string& image_cache, PictureCheck pictures = PictureCheck::kEnds) const;
  /// The questions of a benchmark that must be whole. Throws UserError(kInput), naming the first row that cannot be
  /// used and the number of others.
  std::vector<Question> load(const std::string& image_cache, PictureCheck pictures = PictureCheck::kEnds) const;

  /// SHA-256 over the annotation files that `load` reads (not the images, which are named in the predictions).
  std::string fingerprint() const;

  /// Whether questions may come without reference answers, in which case answers are collected and `aggregate` has no
  /// metrics: test sets that a server scores, and what only people or other models can judge.
  virtual bool references_optional() const { return false; }

  /// Matchers that it knows, the one that kDefault stands for first; none if answers are only collected.
  /// make_benchmark refuses others.
  virtual std::vector<Matcher> matchers() const = 0;
  virtual Parsed parse(const Question& question, const std::string& raw) const = 0;
  /// 1 if `parsed` answers the question, else 0. Default: parsed.value equals answers[0].
  virtual double score(const Question& question, const Parsed& parsed) const;
  Outcome judge(const Question& question, const std::string& raw) const;

  /// Scores the whole benchmark. `outcomes` is parallel to `questions`, which must be complete (all rotations, both
  /// questions of a pair).
  ScoredBenchmark aggregate(std::span<const Question> questions, std::span<const Outcome> outcomes) const;

 protected:
  /// Files whose bytes identify the benchmark.
  virtual std::vector<std::string> annotation_files() const = 0;
  /// All rows in file order, those with a reason in Question::unusable too; the caller adds rows, skills, checks and
  /// the limit.
  virtual std::vector<Question> read(const std::string& image_cache) const = 0;
  /// Loaded::notes about rows that were read.
  virtual std::vector<std::string> notes(std::span<const Question>) const { return {}; }
  /// Fills metrics except for `value`, `column` and the skills, which `aggregate` adds.
  virtual std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                           std::span<const std::int32_t> clusters) const = 0;
  virtual std::vector<std::string> default_columns() const = 0;

  BenchmarkOptions options_;
};

}  // namespace scalselect::eval
