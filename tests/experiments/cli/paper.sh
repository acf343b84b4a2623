#!/usr/bin/env bash
# The rehearsal: every experiment=paper/* from its real command to the page, on stand-ins of the real files (stand_ins.py). Only paths
# and sizes differ from what a user types.
#   paper.sh SCALSELECT [EXPERIMENT…]     SCALSELECT: the program; without experiments all of them
set -euo pipefail
program=$(realpath "$1")
shift
source=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fails() { echo "FAILED: $*" >&2; exit 1; }

"$program" mini world out=world pool.world.pool_size=200 pool.world.questions_per_skill=11 pool.world.pope_images=1 > log.txt 2>&1 || { cat log.txt; exit 1; }
python3 "$source/tests/experiments/cli/stand_ins.py" "$source" world stand
mkdir cache
llava=(model.path=stand/llava-1.5-7b-hf pool.path=stand/pool/LLaVA-V-625K.json eval.root=stand/eval)
qwen=(model.path=stand/Qwen3-VL-4B-Instruct pool.path=stand/pool/LLaVA-V-625K.json eval.root=stand/eval
      model.min_pixels=512 model.max_pixels=1024)
sizes=(seed=1 trainer.max_steps=10 trainer.lora.r=4 trainer.batch_size=4 trainer.accumulation=1 eval.max_new_tokens=4 +eval.bootstrap.replicates=200
       +eval.benchmarks.0.limit=6 +eval.benchmarks.1.limit=6 +eval.benchmarks.3.limit=12
       +eval.benchmarks.5.limit=12 +eval.benchmarks.6.limit=12 cache=cache store=store.sqlite parallel=2)

# What each asks for beside the paths: a budget that the small pool has.
words_of() {
  case $1 in
    budgets) echo budget=10,20,30 ;;
    llava665k) echo pool.path=stand/pool/llava_v1_5_mix665k.json ;;
    llava7b_625k_16pct_target) echo budget=20 target.path=stand/pool/target.json target.image_root=stand/pool ;;
    *) echo budget=20 ;;
  esac
}
paths_of() { case $1 in qwen*) printf '%s\n' "${qwen[@]}" ;; *) printf '%s\n' "${llava[@]}" ;; esac; }

if [ $# = 0 ]; then
  echo "== paths that are missing are named, with where they come from"
  "$program" experiment=paper/llava7b_625k_16pct_target > out.txt 2>&1 && fails "ran without paths"
  for text in model.path pool.path eval.root target.path vicuna-7b-v1.5 llava_v1_5_mix665k.json paper.yaml; do
    grep -q "$text" out.txt || fails "nothing about $text: $(cat out.txt)"
  done
  [ "$(wc -l < out.txt)" -le 2 ] || fails "more than a sentence: $(cat out.txt)"
  # The target's rows go into the table of the main experiment.
  mapfile -t others < <(find "$source/experiments/conf/experiment/paper" -name '*.yaml' -printf '%f\n' | sed 's/.yaml$//' |
                        grep -vxE 'base|llava7b_625k_16pct(_target)?' | sort)
  set -- llava7b_625k_16pct llava7b_625k_16pct_target "${others[@]}"
fi

for experiment in "$@"; do
  echo "== paper/$experiment"
  mapfile -t paths < <(paths_of "$experiment")
  read -ra words <<< "$(words_of "$experiment")"
  command=("$program" "experiment=paper/$experiment" "${paths[@]}" "${words[@]}" "${sizes[@]}")
  started=$(date +%s)
  finished=$(find cache -name meta.json 2> /dev/null | wc -l)
  "${command[@]}" --dry-run > plan.txt 2> log.txt || { cat plan.txt log.txt; fails "plan of $experiment"; }
  grep -q '^Ready to run' plan.txt || fails "not ready: $(cat plan.txt)"
  planned=$(sed -n 's/^Plan of [^:]*: \([0-9]*\) runs\?:.*/\1/p' plan.txt)
  [ "$(find cache -name meta.json 2> /dev/null | wc -l)" = "$finished" ] || fails "the plan has run something"
  "${command[@]}" > table.txt 2> log.txt || { cat table.txt; tail -40 log.txt; fails "$experiment"; }
  grep -q "^$planned runs" log.txt || fails "the plan says $planned runs: $(grep runs log.txt | head -1)"
  page=$(sed -n 's/^report: //p' table.txt)
  [ -s "$page" ] || fails "no page: $(cat table.txt)"
  # Every method of the sweep has its row.
  for method in $(sed -n 's/^.*  #[0-9]*: \([^ ]*\) .*/\1/p' log.txt | sort -u); do
    grep -q "^$method " table.txt || fails "no row '$method': $(cat table.txt)"
    grep -qF "$method" "$page" || fails "nothing of '$method' on the page"
  done
  for column in MMBench-EN MMBench-CN MME-P MME-C AI2D POPE SQA-IMG OCRBench Rel; do
    grep -qF "$column" "$(dirname "$page")/table.md" || fails "no column $column"
  done
  ! grep -qi 'failed' log.txt || fails "$(grep -i failed log.txt)"
  echo "   $planned runs, $(($(date +%s) - started)) s"
done

if [ $# -gt 1 ]; then
  echo "== rows of the target join the main table; again nothing is computed"
  for method in full random length perplexity rds_plus prism coincide scalselect icons less; do
    grep -q "$method" results/local/paper/llava7b_625k_16pct/table.md || fails "no '$method' in the main table"
  done
  "$program" experiment=paper/llava7b_625k_16pct "${llava[@]}" budget=20 "${sizes[@]}" > table.txt 2> log.txt || fails "again: $(tail -5 log.txt)"
  grep -q 'feature extractions 0, selections 0, trainings 0, evaluations 0' log.txt || fails "computed again: $(grep extractions log.txt)"
  echo "== a plan has the noise of the runs that there are"
  "$program" plan experiment=paper/llava7b_625k_16pct "${llava[@]}" budget=20 "${sizes[@]}" > plan.txt 2> log.txt
  grep -q "the finished runs of 'paper/llava7b_625k_16pct'" plan.txt || fails "$(cat plan.txt)"
  echo "== a plan without weights and without a pool: the sizes from config.json, the rest as stated"
  mkdir bare
  cp stand/llava-1.5-7b-hf/*.json bare
  "$program" plan experiment=paper/llava7b_625k_16pct model.path=bare pool.path=none.json eval.root=none plan.rows=624610 cache=other store=other.sqlite > plan.txt 2> log.txt && fails "ready without weights"
  grep -q 'Not ready' plan.txt && grep -q '624610 rows' plan.txt && grep -q 'hours of one card' plan.txt || fails "$(cat plan.txt)"
fi
echo "all fine"
