#!/usr/bin/env bash
# The whole path with the real program on a tiny mini world: what a user does. What they see when something is wrong is in
# bad_input.sh, what a kill leaves in kill_resume.sh.
#   pipeline.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$1
source=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fails() { echo "FAILED: $*" >&2; exit 1; }
tiny=(pool.world.pool_size=240 pool.world.questions_per_skill=11 pool.world.pope_images=2 trainer.epochs=0.5 trainer.checkpoint_every=1 store=store.sqlite cache=cache report=report parallel=2 name=tiny)

echo "== a sweep extracts once and ends in a table"
"$program" -m "${tiny[@]}" method=full,random,length,scalselect budget=0.2 > table.txt 2> log.txt || { cat log.txt; fails "sweep"; }
grep -q 'feature extractions 1,' log.txt || fails "not one extraction: $(grep extractions log.txt)"
for method in full random length scalselect chance; do grep -q "^$method " table.txt || fails "no row '$method'"; done
for file in report.html table.md table.tex table.csv table.json; do [ -s "report/$file" ] || fails "report/$file"; done

echo "== again: everything comes from the cache, the table is the same"
"$program" -m "${tiny[@]}" method=full,random,length,scalselect budget=0.2 > again.txt 2> log.txt
grep -q 'feature extractions 0, selections 0, trainings 0, evaluations 0' log.txt || fails "computed again: $(grep extractions log.txt)"
diff table.txt again.txt || fails "another table"

echo "== the steps stand alone"
world=$(dirname "$(find cache/world -name pool.json)")
model=$source/data/mini/model
alone=(model.path="$model" pool.path="$world/pool.json" pool.image_root="$world/images" cache=cache)
"$program" extract "${alone[@]}" out=all.npz > out.txt
"$program" score features=all.npz out=scores.jsonl > out.txt
"$program" select scores=scores.jsonl pool.path="$world/pool.json" pool.image_root="$world/images" budget=0.2 out=by_scores.json > out.txt
"$program" select "${alone[@]}" budget='[0.2,10]' out=direct.json ranking=ranking.jsonl > out.txt
cmp by_scores.json direct.0.2.json || fails "select by scores and select by model differ"
[ -s direct.10.json ] && [ -s ranking.jsonl ] || fails "second budget or ranking"

echo "== the authors' features give the authors' scores"
"$program" score features="$source/tests/experiments/cli/golden/all_representations.npz" out=theirs.jsonl > out.txt
python3 - "$source/tests/experiments/cli/golden/importance_scores.jsonl" theirs.jsonl <<'PY' || fails "other scores than the authors'"
import json, sys
authors, ours = ([json.loads(line) for line in open(name)] for name in sys.argv[1:])
assert [item["sample_id"] for item in authors] == [item["sample_id"] for item in ours], "another order"
worst = max(abs(a["importance"] - b["importance"]) / a["importance"] for a, b in zip(authors, ours))
assert worst < 1e-5, worst  # theirs is a float32 SVD
PY

echo "== the store answers"
says() { # says TEXT command…
  local text=$1; shift
  "$@" > out.txt 2> err.txt || fails "$*: $(cat err.txt)"
  grep -qF -- "$text" out.txt || fails "no '$text' from: $*"
}
says finished "$program" runs store=store.sqlite
id=$(awk '$2 == "finished" {print $1; exit}' out.txt)
says eval/mini-mmbench "$program" show "$id" store=store.sqlite
says predictions "$program" cache ls cache=cache
echo "all fine"
