// The commands of `scalselect`. Each takes the words after its name and returns the exit code.
#pragma once

#include <string>
#include <vector>

#include "experiments/config/compose.h"

namespace scalselect::app {

using Words = std::vector<std::string>;

// Usage of the commands that compose no configuration; `--help` and their errors print it.
inline constexpr char kRunsUsage[] =
    "scalselect runs [experiment=NAME] [status=STATUS] [match=TEXT] [metric=KEY,…] [sort=[-]COLUMN] "
    "[format=text|csv|json] [store=FILE]";
inline constexpr char kBenchUsage[] =
    "scalselect bench [model=DIR] [dtype=float32|bfloat16] [device=cuda] [threads=N] [cache=DIR]   "
    "(about a minute, and 700 MB of the cache's disk for as long)";
inline constexpr char kDoctorUsage[] =
    "scalselect doctor [key=value …]   (the keys of `run`: cache=DIR, store=FILE, …)";
inline constexpr char kShowUsage[] = "scalselect show ID [store=FILE]   (the first letters of an id are enough)";
inline constexpr char kCompareUsage[] =
    "scalselect compare ID ID [ID…] [--all] [store=FILE]   (--all: every metric, also what is equal)";
inline constexpr char kAnswersUsage[] =
    "scalselect answers ID [benchmark=NAME] [wrong=true] [limit=N] [store=FILE]   (N questions of each benchmark)";
inline constexpr char kEvalUsage[] =
    "scalselect eval model.path=DIR [adapter=DIR] [eval=GROUP] [eval.root=DIR] [key=value …]   (--dry-run: what it "
    "would answer; nothing is run)";
inline constexpr char kReportUsage[] = "scalselect report experiment=NAME [against=METHOD] [out=DIR] [store=FILE]";
inline constexpr char kCacheUsage[] =
    "scalselect cache ls [cache=DIR] [store=FILE]\n"
    "       scalselect cache rm [ID…] [--unused] [--unfinished] [--yes] [cache=DIR] [store=FILE]\n\n"
    "ls says what each artifact is and which run made use of it. rm lists what would go, and removes it with --yes:\n"
    "  ID            an artifact, by the first letters of its id\n"
    "  --unused      finished artifacts that no run in the store refers to (`extract` and `select` leave such)\n"
    "  --unfinished  what stages that were stopped left to go on from";
inline constexpr char kScorePartsUsage[] =
    "scalselect score part features=FILE.npz out=FILE.sums [first=ROW] [part=I/N] [fit=FILE.fit]\n"
    "       scalselect score merge FILE.sums... out=FILE.fit [center=true] [standardize=false] [l2_normalize=false] "
    "[energy=0.9] [directions=K]\n"
    "       scalselect score merge FILE.sums... fit=FILE.fit out=FILE.fit\n"
    "       scalselect score apply features=FILE.npz fit=FILE.fit out=scores.jsonl\n\n"
    "Scores a table in parts, on any machines; all take threads=N and device=cuda, too.\n"
    "  first=ROW  where the file's rows stand in the whole table; multiples of 65,536 give the very scores of one "
    "process\n"
    "  part=I/N   the I-th of N parts of the file\n"
    "  fit=FILE   of the merge before, where it asked for one more pass";
inline constexpr char kPoolUsage[] =
    "scalselect pool describe POOL [image_root=DIR] [model=DIR] [pictures=false] [format=text|json]\n"
    "       scalselect pool convert POOL OUT [image_root=DIR] [format=llava|sharegpt|jsonl|webdataset|parquet|ids]\n\n"
    "describe counts rows, sources, turns, words and pictures, and says which rows cannot be used and why:\n"
    "  model=DIR       also lengths in its tokens, and the rows that it cannot use\n"
    "  pictures=false  does not open the pictures\n"
    "convert writes all rows in another container; OUT's extension decides where format= is not given.";
inline constexpr char kVerifyUsage[] =
    "scalselect verify MANIFEST [subset=FILE] [pool=FILE] [image_root=DIR] [model=DIR] [scores=FILE] [features=FILE] "
    "[exclude=FILE] [must_keep=FILE] [cache=DIR]   (the keys: where it is now)";
inline constexpr char kReplayUsage[] =
    "scalselect replay MANIFEST [pool=FILE] [image_root=DIR] [model=DIR] [scores=FILE] [features=FILE] [exclude=FILE] "
    "[must_keep=FILE] [cache=DIR] [threads=N] [device=cuda]";
inline constexpr char kDiffUsage[] =
    "scalselect diff A B [pool=FILE] [image_root=DIR] [format=text|json] [cache=DIR]   (A, B: manifests, subsets, "
    "lists)";
inline constexpr char kOverlapUsage[] =
    "scalselect overlap A B [C…] [pool=FILE] [image_root=DIR] [format=text|json] [cache=DIR]   (manifests, subsets, "
    "lists)";
inline constexpr char kModelUsage[] =
    "scalselect model assemble llm=VICUNA_DIR tower=CLIP_DIR projector=mm_projector.bin out=DIR [dtype=float16]";
inline constexpr char kHandoverUsage[] =
    "scalselect handover check handover=llamafactory|ms-swift|llava model.path=DIR pool.path=SUBSET.json [rows=N] "
    "[out=FILE.jsonl]";
inline constexpr char kMethodsUsage[] = "scalselect methods [NAME… | --markdown]";
inline constexpr char kMiniUsage[] =
    "scalselect mini world out=DIR | mini sheet out=FILE.png | mini pretrain out=DIR | mini probes model=DIR";
inline constexpr char kComposeUsage[] =
    "scalselect compose -cd DIR [-cd DIR…] -cn NAME [-m] [--cfg job|hydra|all] [--resolve] [--package KEY] [--format "
    "json] "
    "key=value …";

/// How a command that composes a configuration is called.
struct Usage {
  Usage(const char* line) : text(line) {}                                         // NOLINT: a line alone will do
  Usage(std::string line, bool takes_sweeps = false, bool takes_dry_run = false)  // NOLINT
      : text(std::move(line)), sweeps(takes_sweeps), rehearses(takes_dry_run) {}

  std::string text;        ///< the first lines of its --help
  bool sweeps = false;     ///< whether -m makes sense
  bool rehearses = false;  ///< whether --dry-run does
};

// Asked for by the program with LibTorch and by the one without.
inline const Usage kRunUsage{
    "scalselect [run] [-m] key=value …: pool -> features -> scores -> selection -> adapter -> predictions -> metrics "
    "-> report",
    /*takes_sweeps=*/true, /*takes_dry_run=*/true};

inline const Usage kPlanUsage{
    "scalselect plan key=value … (= run --dry-run): what the runs need, cost and would be able to show; nothing is run",
    /*takes_sweeps=*/true, /*takes_dry_run=*/true};

inline const Usage kEvalAnswerUsage{kEvalUsage, /*takes_sweeps=*/false, /*takes_dry_run=*/true};

inline const Usage kExtractUsage{"scalselect extract model.path=DIR pool.path=POOL.json out=FILE.npz"};

/// A command line taken apart: flags, and overrides.
struct Flags {
  bool multirun = false, help = false, resolve = false, dry_run = false;
  std::string cfg, info, package;        ///< --cfg job, --info defaults, --package a.b
  std::string format = "yaml";           ///< of --cfg: yaml or json
  std::string config_name, config_path;  ///< -cn, -cp
  std::vector<std::string> config_dirs;  ///< -cd, searched after the project's own
  Words overrides;
};

/// Every flag that parse_flags takes, sorted.
Words known_flags();

/// Splits flags from overrides. Throws UserError(kUsage) for an unknown flag, with the nearest known one, and for a
/// word that is neither a flag nor KEY=VALUE, with what it may have been meant for.
Flags parse_flags(const Words& words);

/// Whether a command line that begins with `word` names no command: it is an override ("budget=0.2", "+key=1", "~key")
/// or a flag, and the whole line is a run's.
bool is_override_or_flag(const std::string& word);

/// A request over the project's configuration folder (or -cp) with `config_name` as the primary file.
config::ComposeRequest request_for(const Flags& flags, const std::string& config_name);

/// Answers --help, --cfg and --info if one was asked for: the exit code, or -1 to go on. Throws UserError(kUsage) for
/// -m and for --dry-run where the command has neither.
int answer_questions(const Flags& flags, const config::ComposeRequest& request, const Usage& usage);

int run_pipeline(const Words& words);  ///< no command name: the pipeline, one run or a sweep
int run_plan(const Words& words);      ///< the same without running anything
int run_extract(const Words& words);
int run_score(const Words& words);
/// `score part`, `score merge`, `score apply`; words[0] is one of these verbs.
int run_score_verb(const Words& words);
int run_select(const Words& words);
int verify_manifest(const Words& words);
int replay_manifest(const Words& words);
int diff_selections(const Words& words);
int overlap_selections(const Words& words);
int run_generate(const Words& words);
int run_model(const Words& words);     ///< assemble
int run_eval(const Words& words);      ///< answer (the verb may be left out), and what is done with answers
int run_handover(const Words& words);  ///< check
int run_pool(const Words& words);      ///< describe, convert
int list_methods(const Words& words);  ///< all, `NAME`, or --markdown
int run_mini(const Words& words);      ///< world, pretrain, probes, sheet
int run_doctor(const Words& words);    ///< facts for a bug report
int run_bench(const Words& words);     ///< the machine's own rates, and what the hot paths reach of them
int run_cache(const Words& words);     ///< ls, rm
int list_runs(const Words& words);
int show_run(const Words& words);
int compare_runs(const Words& words);
int print_answers(const Words& words);
int write_report(const Words& words);
int run_worker(const Words& words);  ///< `_work ORDER.json`, started by the pipeline itself

Words command_names();  ///< in the order of the help text

int print_completion(const Words& words);  ///< `--completion bash`: the script to source
/// `_complete WORDS [--partial]`, asked by that script: what may follow, one per line; the last word is still being
/// typed if it is partial. Prints no message whatever goes wrong.
int complete_words(const Words& words);

}  // namespace scalselect::app
