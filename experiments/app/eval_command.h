// eval: a model folder's answers to benchmarks, and everything that can be done with answers.
#pragma once

#include <set>
#include <string>

#include "experiments/app/commands.h"

namespace scalselect::app {

/// Exit code of a command that did what it was asked for, but not with every question: some could not be used.
inline constexpr int kIncompleteExit = 3;

// Usage of the verbs that run no model.
inline constexpr char kEvalRescoreUsage[] =
    "scalselect eval rescore RUN|FILE… [matcher=all|NAME,…] [benchmark=NAME] [--all] [format=text|csv|json] "
    "[out=FILE.jsonl] [store=FILE]   (out: each question; a FILE whose benchmark has a name of its own: kind=KIND)";
inline constexpr char kEvalImportUsage[] =
    "scalselect eval import FILE kind=KIND path=BENCHMARK [name=NAME] [images=DIR] [matcher=NAME] [out=FILE.jsonl] "
    "[format=vlmevalkit|lmms-eval|llava] [missing=keep|nan] [circular=file|expand|off] [language=en|cn] [style=NAME] "
    "[results=FILE] [experiment=NAME] [store=FILE] [cache=DIR]   (results: VLMEvalKit's *_result or *_auxmatch)";
inline constexpr char kEvalExportUsage[] =
    "scalselect eval export RUN|FILE format=vlmevalkit|lmms-eval|llava|upload out=FILE [benchmark=NAME] "
    "[path=BENCHMARK] "
    "[task=NAME] [like=SAMPLES.jsonl] [questions=FILE] [store=FILE]   (task, like: of lmms-eval; questions: of VQAv2's "
    "server)";
inline constexpr char kEvalDiffUsage[] =
    "scalselect eval diff A B [benchmark=NAME] [matcher=NAME | matcher=A,B] [examples=N] [--all] [format=text|json] "
    "[store=FILE]   (A, B: runs or files of predictions)";

// The verbs of `eval`, each with the words after it. Only `answer` runs a model; it is also what `eval key=value …`
// means.
int eval_answer(const Words& words);
int eval_diff(const Words& words);
int eval_export(const Words& words);
int eval_import(const Words& words);
int eval_rescore(const Words& words);
int eval_template(const Words& words);

std::set<std::string> eval_verbs();
inline bool is_eval_verb(const std::string& word) { return eval_verbs().contains(word); }

}  // namespace scalselect::app
