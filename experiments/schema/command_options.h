// The keys of each command other than its groups, with what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/options.h"
#include "data/score_file.h"
#include "data/subset.h"
#include "experiments/inputs/machine.h"
#include "selector/constraints.h"

namespace scalselect::schema {

struct ExtractOptions {
  std::string out, cache;
  IdKind ids = IdKind::kRow;
  inputs::Machine machine;

  template <class Visitor>
  static void describe(Visitor& v, ExtractOptions& o) {
    v.field("out", o.out, "the .npz to write: vectors and sample ids");
    v.field("cache", o.cache, "folder of what was computed, by content");
    v.choice("ids", o.ids, {{"row", IdKind::kRow}, {"id", IdKind::kId}},
             "sample_ids of the .npz: rows of the pool, or the pool's own ids");
    inputs::Machine::describe(v, o.machine);
  }
};

/// A name, a list of them, or null: none.
inline void bind_names(OptionBinder& binder, const char* key, std::vector<std::string>& names, const char* help) {
  std::optional<std::string> one;
  try {
    binder.field(key, one, help);
    names.clear();
    if (one) names.push_back(std::move(*one));
  } catch (const UserError&) {
    binder.field(key, names, help);
  }
}

struct ScoreOptions {
  std::vector<std::string> features;
  std::string out;
  inputs::Machine machine;

  template <class Visitor>
  static void describe(Visitor& v, ScoreOptions& o) {
    const char* help =
        "an .npz that `extract` or the authors' code wrote; a pattern (shards/*.npz, {00..12}) or a list: the shards "
        "of one table, in this order";
    if constexpr (std::is_same_v<Visitor, OptionBinder>) bind_names(v, "features", o.features, help);
    else v.field("features", o.features, help);
    v.field("out", o.out, "the scores to write, one JSON line per sample");
    inputs::Machine::describe(v, o.machine);
  }
};

/// The key `format` of what writes a subset.
struct SubsetFormatOption {
  SubsetFormat format = SubsetFormat::kAuto;

  template <class Visitor>
  static void describe(Visitor& v, SubsetFormatOption& o) {
    v.choice("format", o.format,
             {{"auto", SubsetFormat::kAuto},
              {"llava", SubsetFormat::kLlava},
              {"sharegpt", SubsetFormat::kShareGpt},
              {"jsonl", SubsetFormat::kJsonLines},
              {"webdataset", SubsetFormat::kWebDataset},
              {"ids", SubsetFormat::kIds},
              {"parquet", SubsetFormat::kParquet}},
             "of the subset; auto: by the extension of out, else as the pool");
  }
};

/// Where a handover's rows have the tags of their pictures.
enum class TagPlaces { kPool, kOurs };

struct SelectOptions {
  std::optional<std::string> scores, ranking, handover;
  std::vector<std::string> features;
  TagPlaces handover_tags = TagPlaces::kPool;
  std::string out, cache;
  SubsetFormatOption format;
  IdKind ids = IdKind::kRow;
  std::int64_t seed = 1;
  ConstraintOptions constraints;
  inputs::Machine machine;

  template <class Visitor>
  static void describe(Visitor& v, SelectOptions& o) {
    v.field("scores", o.scores, "a file that `score` wrote; null: extract and score first, by model.path");
    const char* vectors =
        "vectors, .npz or .npy: no model is run; without pool.path rows of this file are written; a pattern "
        "(shards/*.npz, {00..12}) or a list: the shards of one table, in this order";
    if constexpr (std::is_same_v<Visitor, OptionBinder>) bind_names(v, "features", o.features, vectors);
    else v.field("features", o.features, vectors);
    v.field("ranking", o.ranking, "also write row, id and score of every sample here, best first");
    v.field("out", o.out, "the subset to write; with several budgets the budget is put before the extension");
    SubsetFormatOption::describe(v, o.format);
    v.field("cache", o.cache, "folder of what was computed, by content");
    v.choice("ids", o.ids, {{"row", IdKind::kRow}, {"id", IdKind::kId}},
             "the ids in scores or features: rows of the pool, or the pool's own ids");
    v.field("seed", o.seed, "of methods that draw", Range{0, 9e15});
    v.field("handover", o.handover,
            "llamafactory, ms-swift or llava: also write that trainer's files beside the subset");
    v.choice("handover_tags", o.handover_tags, {{"pool", TagPlaces::kPool}, {"ours", TagPlaces::kOurs}},
             "<image> in the handover's rows: as in the pool, or where our own training puts it");
    ConstraintOptions::describe(v, o.constraints);
    inputs::Machine::describe(v, o.machine);
  }
};

struct HandoverCheckOptions {
  std::string trainer, cache;
  std::optional<std::int64_t> rows;
  std::int64_t max_length = 2048;
  std::optional<std::string> system, out;
  TagPlaces tags = TagPlaces::kPool;
  inputs::Machine machine;

  template <class Visitor>
  static void describe(Visitor& v, HandoverCheckOptions& o) {
    v.field("handover", o.trainer, "llamafactory, ms-swift or llava");
    v.field("rows", o.rows, "how many rows from the front are compared; null: all", Range{1, 9e15});
    v.field("max_length", o.max_length, "the trainer's limit: cutoff_len, max_length, model_max_length", Range{2, 1e7});
    v.field("system", o.system, "the trainer's system prompt for rows that bring none; null: its template's");
    v.choice("handover_tags", o.tags, {{"pool", TagPlaces::kPool}, {"ours", TagPlaces::kOurs}},
             "as the key of `select` that wrote the handover");
    v.field("out", o.out, "all rows that are cut, deleted or left out, one JSON line each");
    v.field("cache", o.cache, "folder of what was computed, by content");
    inputs::Machine::describe(v, o.machine);
  }
};

enum class AnswerFormat { kText, kJson };

struct GenerateOptions {
  std::optional<std::string> adapter;
  int max_new_tokens = 64;
  AnswerFormat format = AnswerFormat::kText;
  inputs::Machine machine;

  template <class Visitor>
  static void describe(Visitor& v, GenerateOptions& o) {
    v.field("adapter", o.adapter, "PEFT folder, merged into the weights");
    v.field("max_new_tokens", o.max_new_tokens, "length limit; greedy, ends after the stop token", Range{1, 1e6});
    v.choice("format", o.format, {{"text", AnswerFormat::kText}, {"json", AnswerFormat::kJson}},
             "the text, or {\"prompt_ids\": […], \"ids\": […], \"text\": \"…\"}");
    inputs::Machine::describe(v, o.machine);
  }
};

enum class TableFormat { kText, kMarkdown, kJson };

struct EvalCommandOptions {
  std::optional<std::string> adapter, matcher, style, out;
  std::vector<std::string> only;
  std::optional<std::int64_t> limit;
  TableFormat format = TableFormat::kText;
  std::string name = "eval", cache, store;
  inputs::Machine machine;

  template <class Visitor>
  static void describe(Visitor& v, EvalCommandOptions& o) {
    v.field("adapter", o.adapter, "PEFT folder, merged into the weights");
    v.field("only", o.only, "names of the benchmarks to answer; empty: all of the group");
    v.field("matcher", o.matcher,
            "whose answer rules, for every benchmark that knows them; null: what the group says. Costs no model");
    v.field("style", o.style, "whose prompt text, for every benchmark; null: what the group says");
    v.field("limit", o.limit, "first questions of each benchmark only, 0 = all; null: what the group says",
            Range{0, 1e12});
    v.choice("format", o.format,
             {{"text", TableFormat::kText}, {"markdown", TableFormat::kMarkdown}, {"json", TableFormat::kJson}},
             "of the table on standard output");
    v.field("out", o.out, "folder to copy the answers and scores of each benchmark to, and table.json");
    v.field("name", o.name, "experiment under which the store keeps the run");
    v.field("cache", o.cache, "folder of what was computed, by content");
    v.field("store", o.store, "SQLite file of the runs and their results");
    inputs::Machine::describe(v, o.machine);
  }
};

struct AssembleOptions {
  std::string llm, tower, projector, out;
  std::optional<std::string> dtype;

  template <class Visitor>
  static void describe(Visitor& v, AssembleOptions& o) {
    v.field("llm", o.llm, "decoder: a Hugging Face folder; safetensors or .bin, whole or sharded");
    v.field("tower", o.tower, "vision tower: a CLIP folder");
    v.field("projector", o.projector, "LLaVA's mm_projector.bin");
    v.field("out", o.out, "the Hugging Face folder to write");
    v.field("dtype", o.dtype, "float16, bfloat16 or float32; null: that of the decoder's weights");
  }
};

}  // namespace scalselect::schema
